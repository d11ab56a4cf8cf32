#!/bin/sh
# ZooKeeper's launcher, for scripts that start it before Kafka and stop it after.
case $1 in
  stop) what='there is nothing to stop' ;;
  status) what='none is running' ;;
  *) what='nothing is started, go on with kafka-server-start.sh' ;;
esac
echo "zkServer.sh: the embedded broker needs no ZooKeeper; $what"
exit 0
