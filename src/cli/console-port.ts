// Where the console is found unless told otherwise: the port of kafka-manager, whose place it takes.
export const usualPort = 9000
