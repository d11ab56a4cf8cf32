#!/bin/sh
# Kafka's launcher, for the embedded broker: kafka-server-start.sh config/server.properties
# [--override key=value]... Finds the project and a Node that is new enough, and becomes that Node.
command=kafka-server-start.sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
if [ $# -eq 0 ]; then
  echo "USAGE: $0 server.properties [--override property=value]*" >&2
  exit 1
fi
if [ "$1" = -daemon ]; then
  echo "kafka-server-start.sh: -daemon is not supported; put it into the background with: nohup $0 server.properties &" >&2
  exit 1
fi
set -- broker "$@"
. "$(cd -P "$(dirname "$self")" && pwd -P)/find-node.sh"
