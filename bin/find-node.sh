# Sourced by the launchers with $self (the launcher, links followed) and $command set.
root=$(cd -P "$(dirname "$self")/.." && pwd -P)
if [ -f "$root/src/cli/main.ts" ]; then main=$root/src/cli/main.ts; else main=$root/dist/cli/main.js; fi

case $(uname -s) in Linux) os=linux ;; *) os=other ;; esac
case $(uname -m) in x86_64 | amd64) cpu=x64 ;; aarch64 | arm64) cpu=arm64 ;; *) cpu=other ;; esac
own=$root/node_modules/node-$os-$cpu/bin/node

if [ -x "$own" ]; then node=$own; else node=$(command -v node || :); fi
if [ -z "$node" ]; then
  echo "$command: no node on the PATH; Millrace needs Node 22.22 or newer" >&2
  exit 1
fi
# The checkout's own Node is new enough by construction; any other is asked.
if [ "$node" != "$own" ] && ! "$node" -e '
  var v = process.versions.node.split(".").map(Number)
  process.exit(v[0] > 22 || (v[0] === 22 && v[1] >= 22) ? 0 : 1)'; then
  echo "$command: Millrace needs Node 22.22 or newer, and $node is $("$node" --version); install one, or run npm ci in a checkout, which brings its own" >&2
  exit 1
fi
if [ "$main" = "$root/src/cli/main.ts" ] && [ ! -d "$root/node_modules/pino" ]; then
  echo "$command: the dependencies are not installed; run npm ci in $root" >&2
  exit 1
fi
UV_THREADPOOL_SIZE=${UV_THREADPOOL_SIZE:-8}
export UV_THREADPOOL_SIZE
exec "$node" --disable-warning=ExperimentalWarning "$main" "$command" "$@"
