// What the commands print when asked how they are used.

export const flumeUsage = `Usage: flume-ng <command> [options]...

commands:
  help                      print this text
  agent                     run an agent
  avro-client               send events to an Avro source
  tool FCINTEGRITYTOOL -l <dir>[,<dir>]
                            check the logs of a file channel; changes nothing
  version                   print the version

global options:
  --conf, -c <dir>          configuration directory; its flume-env.sh is read, with JAVA_OPTS and FLUME_JAVA_OPTS
  --dryrun, -d              print what would run, run nothing
  -Dproperty=value          set a property, e.g. -Dflume.root.logger=DEBUG,console
  --classpath, -C, --plugins-path, -X...
                            accepted, no effect: there is no JVM

agent options:
  --name, -n <name>         the agent to run (required)
  --conf-file, -f <file>    properties file; several are merged, later ones win
  --conf-uri, -u <uri>      file:, http: or https: address of a properties file; replaces -f
  --conf-user, --conf-password
                            HTTP Basic for such addresses
  --poll-interval, -i <s>   seconds between looks at the configuration (30; 300 with http addresses)
  --backup-directory, -b <dir>
                            keep every good configuration there, and use it when none can be read
  --map <class>=<file>      a module in place of a Java class; relative to the working directory, may be repeated
  --no-reload-conf          read the configuration once
  --help, -h                print this text

avro-client options:
  --host, -H  --port, -p    the Avro source
  --rpcProps, -P <file>     client properties: hosts, hosts.<name>, batch-size, time-outs, TLS
  --filename, -F <file>     one event a line; standard input where absent
  --dirname <dir>           every file of the directory, renamed to *.COMPLETED when sent
  --headerFile, -R <file>   properties that become headers of every event
  --dead-letters            lines are dead letters: their events are sent, with their own headers
`

export const checkUsage = `Usage: millrace check --name <agent> --conf-file <file> [options]...
       millrace check [--conf-file <file>]... [<file or directory>]... [--format text|json|sarif] [--live]

With --name: prints every problem of one agent's configuration and starts nothing. It takes the options of flume-ng agent
(flume-ng help), reads flume-env.sh and flume.opts of --conf as that does, and finds what that would refuse: 0 where the
agent can start, 2 where it cannot.

Without --name: checks all agents of the files together, each file by itself; of a directory those of its .conf and
.properties files that describe agents. It finds loops over any number of agents, events that arrive twice, sinks and
sources without a counterpart, ports, directories and consumer groups that agents share, batches that the next agent
cannot take, TLS and compression on one side only, and acks weaker than the channel. Nothing of this machine is looked at.
  --format FORMAT   text, json, or sarif (2.1.0)
  --live            ask the brokers as well: topics, partitions, replicas, sizes, rights
  --map CLASS=FILE  a module in place of a Java class; may be repeated
Exit codes: 0 no error, 1 an error. Warnings and notes are printed.
`

export const millraceUsage = `Usage: millrace <command> [options]...

  check --name <agent> -f <file>    print every problem of a configuration; starts nothing
  check -f <file>… | <directory>    all agents together: loops, ends without a counterpart, what they share
  agent …                           run an agent; the options of flume-ng agent
  broker [server.properties] [--override key=value]…
                                    run the embedded Kafka broker, one node, no ZooKeeper
  console [--agents HOST:PORT,...] [--bootstrap-server HOST:PORT | --zookeeper HOST:PORT]
                                    web pages of the flow and of Kafka: millrace console --help
  top [--agents HOST:PORT,...]      the flow through the agents of this machine, live in the terminal
  doctor [DIR|LOG|HOST:PORT|-]      what is wrong with an agent, the evidence and the fix, real Flume's too
  tap EDGE [--max N] [--seconds N]  a live sample of events, one JSON line each: millrace tap --help
  kafka-manager -Dconfig.file=FILE  the same by kafka-manager's command line and files
  demo [--events N --exit] [--rate N] [--bootstrap HOST:PORT]…
                                    show the whole system at work, no Kafka needed: millrace demo --help
  simulate -f <file>… [--runs N] [--seed N] [--faults LIST]
                                    many lives of these agents on simulated machines: what would be lost or doubled
  topics | produce | consume | groups | offsets --bootstrap-server HOST:PORT …
                                    Kafka's tools, with their options: millrace topics --help
  progress list|reset --bootstrap-server HOST:PORT
                                    what flows with exactly-once delivery have written: millrace progress --help
  ledger [--agents HOST:PORT,...]   what agents have read, have and have written, and whether it balances
  audit --from HOST:PORT/TOPIC --to HOST:PORT/TOPIC
                                    which records are missing, doubled or changed: millrace audit --help
  init interceptor|sink|source NAME write a component of your own in TypeScript, with its test
  channel inspect|verify DIR…       what lies in a file channel that no agent uses, Flume's too
  channel export DIR… [--to FILE]   its events, one JSON line each
  channel import DIR… --from FILE   such lines into a new channel
  channel repair DIR… --to NEW      a new channel of what can be read of a damaged one
  channel repair DIR… --accept-loss in place: go on without what is missing
  version
  help

Every command of flume-ng works here too: see flume-ng help.
`
