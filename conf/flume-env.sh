# Read by `flume-ng -c conf` before an agent starts. What it exports is seen by the configuration
# (${env:NAME}) and by the agent; JAVA_HOME, JAVA_OPTS and other JAVA_* have no effect here.

# export KAFKA_HOST=192.168.79.129
