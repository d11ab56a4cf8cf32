#!/bin/sh
# Kafka's tool of this name, over our own client: `millrace offsets`. Finds the project and a Node that is new enough,
# and becomes that Node.
command=kafka-get-offsets.sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
set -- offsets "$@"
. "$(cd -P "$(dirname "$self")" && pwd -P)/find-node.sh"
