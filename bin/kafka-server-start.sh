#!/bin/sh
# Kafka's launcher, for the embedded broker: kafka-server-start.sh [-daemon] [-name name] [-loggc]
# config/server.properties [--override key=value]... Finds the project and a Node that is new enough, and
# becomes that Node; with -daemon it leaves the broker in the background once it has started.
command=kafka-server-start.sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
directory=$(cd -P "$(dirname "$self")" && pwd -P)
daemon=no
while :; do
  case $1 in
    -daemon) daemon=yes; shift ;;
    -name) shift; [ $# -eq 0 ] || shift ;; # the name of a JVM's console file
    -loggc) shift ;;
    *) break ;;
  esac
done
if [ $# -eq 0 ]; then
  echo "USAGE: $0 [-daemon] server.properties [--override property=value]*" >&2
  exit 1
fi
for word; do
  if [ "$word" = -daemon ]; then
    echo "$command: -daemon stands before the file: $command -daemon $1" >&2
    exit 1
  fi
done
if [ $daemon = no ]; then
  set -- broker "$@"
  . "$directory/find-node.sh"
fi

# Where Kafka's own launcher writes it.
logs=${LOG_DIR:-$(dirname "$directory")/logs}
if ! mkdir -p "$logs" 2>/dev/null || ! : >>"$logs/kafkaServer.out"; then
  echo "$command: cannot write to $logs; set LOG_DIR to a directory for the broker's output" >&2
  exit 1
fi
output=$logs/kafkaServer.out
before=$(wc -c <"$output")
nohup "$self" "$@" >>"$output" 2>&1 </dev/null &
pid=$!
new() { tail -c +$((before + 1)) "$output"; }
tenths=0
while ! new | grep -q 'Kafka broker .* started on '; do
  if ! kill -0 $pid 2>/dev/null; then
    new >&2
    exit 1
  fi
  if [ $tenths -ge 300 ]; then
    echo "$command: pid $pid has not started within 30 s; see $output" >&2
    exit 1
  fi
  tenths=$((tenths + 1))
  sleep 0.1
done
echo "$command: the broker runs as pid $pid and writes to $output; kafka-server-stop.sh, called in this directory, ends it"
