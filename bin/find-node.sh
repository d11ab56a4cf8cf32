# Sourced by the launchers with $self (the launcher, links followed) and $command set.
root=$(cd -P "$(dirname "$self")/.." && pwd -P)
case $(uname -s) in Linux) os=linux ;; *) os=other ;; esac
case $(uname -m) in x86_64 | amd64) cpu=x64 ;; aarch64 | arm64) cpu=arm64 ;; *) cpu=other ;; esac
own=$root/node_modules/node-$os-$cpu/bin/node

if [ -x "$own" ]; then node=$own; else node=$(command -v node || :); fi
if [ -z "$node" ]; then
  echo "$command: no node on the PATH; Millrace needs Node 22.22 or newer" >&2
  exit 1
fi
if [ -f "$root/src/cli/main.ts" ] && [ ! -d "$root/node_modules/commander" ]; then
  echo "$command: the dependencies are not installed; run npm ci in $root" >&2
  exit 1
fi
UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-8}
export UV_THREADPOOL_SIZE
# Node gives signals that were ignored (nohup) their default back: src/cli/signals.ts ignores these again.
MILLRACE_SIGIGN=
if [ -r /proc/self/status ]; then
  while read -r key value; do
    case $key in SigIgn:) MILLRACE_SIGIGN=$value ;; esac
  done </proc/self/status
fi
export MILLRACE_SIGIGN
# Whether this Node is new enough, start.mjs asks.
exec "$node" --disable-warning=ExperimentalWarning "$root/bin/start.mjs" "$command" "$@"
