#!/bin/sh
# Kafka's script to stop brokers: ends the embedded brokers that this installation runs in the working directory,
# cleanly, and waits until they are gone; with --all every embedded broker that this user may end. Real Kafka is left
# alone.
command=kafka-server-stop.sh
all=no
for word; do
  case $word in
    --all) all=yes ;;
    --process-role=* | --node-id=*) ;; # Kafka's own: here a process is one node with both roles
    *)
      echo "USAGE: $0 [--all]" >&2
      exit 1
      ;;
  esac
done
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
bin=$(cd -P "$(dirname "$self")" && pwd -P)
here=$(pwd -P)

processes() {
  if command -v ps >/dev/null; then
    ps ax -o pid= -o args=
  else
    for one in /proc/[0-9]*; do
      [ -r "$one/cmdline" ] && echo "${one#/proc/} $(tr '\0' ' ' <"$one/cmdline" 2>/dev/null)"
    done
  fi
}
directory_of() {
  readlink "/proc/$1/cwd" 2>/dev/null || lsof -a -p "$1" -d cwd -Fn 2>/dev/null | sed -n 's/^n//p'
}
user_of() {
  stat -c %U "/proc/$1" 2>/dev/null || ps -o user= -p "$1"
}
# Those of this installation, or all; `pid user` where this user may not end it.
brokers() {
  processes | while read -r pid words; do
    case "$words " in
      *" $bin/start.mjs millrace broker "* | *" $bin/start.mjs kafka-server-start.sh broker "*) ;;
      *"/bin/start.mjs millrace broker "* | *"/bin/start.mjs kafka-server-start.sh broker "*)
        [ $all = yes ] || continue
        ;;
      *) continue ;;
    esac
    if kill -0 "$pid" 2>/dev/null; then
      echo "$pid"
    else
      user=$(user_of "$pid") && [ "$user" != "$(id -un)" ] && echo "$pid $user"
    fi
  done
}

pids=
elsewhere=
found=$(brokers)
others=$(echo "$found" | sed -n 's/^\([0-9]*\) \(.*\)$/a broker runs as pid \1, of user \2; this user may not end it/p')
for pid in $(echo "$found" | grep -v ' '); do
  directory=$(directory_of "$pid")
  if [ $all = yes ] || [ "$directory" = "$here" ]; then
    pids="$pids $pid"
  else
    elsewhere="$elsewhere; pid $pid runs in $directory"
  fi
done
if [ -z "$pids$elsewhere" ] && [ -n "$others" ]; then
  echo "$others" | sed "s/^/$command: /" >&2
  exit 1
fi
if [ -z "$pids" ]; then
  where=" of this installation in $here"
  [ $all = no ] || where=
  [ -z "$elsewhere" ] || elsewhere="$elsewhere: go there, or write --all"
  echo "$command: no embedded broker is running$where$elsewhere" >&2
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
