#!/bin/sh
# ZooKeeper's launcher, for scripts that start it before Kafka.
echo "zkServer.sh: the embedded broker needs no ZooKeeper; nothing is started, go on with kafka-server-start.sh"
exit 0
