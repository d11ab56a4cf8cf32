# Read by `flume-ng -c conf` before an agent starts. What it exports is seen by the configuration
# (${env:NAME}) and by the agent. The -D properties of JAVA_OPTS and FLUME_JAVA_OPTS are taken, exported or not; what
# else a JVM would be given (-Xmx, JAVA_HOME, FLUME_CLASSPATH) has no effect here.

# JAVA_OPTS="-Dflume.monitoring.type=http -Dflume.monitoring.port=34545"

# export KAFKA_HOST=192.168.79.129
