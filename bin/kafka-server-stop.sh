#!/bin/sh
# Kafka's script to stop brokers: ends every embedded broker on this machine that this user may end, cleanly,
# and waits until they are gone. Real Kafka is left alone.
command=kafka-server-stop.sh
processes() {
  if command -v ps >/dev/null; then
    ps ax -o pid= -o args=
  else
    for one in /proc/[0-9]*; do
      [ -r "$one/cmdline" ] && echo "${one#/proc/} $(tr '\0' ' ' <"$one/cmdline" 2>/dev/null)"
    done
  fi
}
pids=$(processes | grep -E '/bin/start\.mjs (millrace|kafka-server-start\.sh) broker( |$)' | grep -v grep | awk '{print $1}')
if [ -z "$pids" ]; then
  echo "$command: no embedded broker is running" >&2
  exit 1
fi
code=0
for pid in $pids; do
  kill -s TERM "$pid" || code=1
done
[ $code -eq 0 ] || exit 1
# A broker ends within 9.5 s, whatever happens.
for pid in $pids; do
  tenths=0
  while kill -0 "$pid" 2>/dev/null && [ $tenths -lt 120 ]; do
    tenths=$((tenths + 1))
    sleep 0.1
  done
  if kill -0 "$pid" 2>/dev/null; then
    echo "$command: pid $pid is still running" >&2
    code=1
  else
    echo "$command: stopped pid $pid"
  fi
done
exit $code
