#!/bin/sh
# Kafka's tool of this name, over our own client: `millrace groups`. Finds the project and a Node that is new enough,
# and becomes that Node.
command=kafka-consumer-groups.sh
self=$0
while [ -L "$self" ]; do
  link=$(readlink "$self")
  case $link in /*) self=$link ;; *) self=$(dirname "$self")/$link ;; esac
done
set -- groups "$@"
. "$(cd -P "$(dirname "$self")" && pwd -P)/find-node.sh"
