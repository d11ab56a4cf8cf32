// The well-known messages of Apache Flume 1.8 to 1.11 and of the Kafka and Avro clients inside it: what each means, and
// what to do about it. `$1` stands for what the first group of the pattern matched.

export interface FlumeMessage {
  readonly pattern: RegExp
  readonly problem: string
  readonly fix: string
  /** Says that something failed, but not why: left out where another message explains more. */
  readonly isGeneral?: true
  readonly isWarning?: true
}

export const flumeMessages: readonly FlumeMessage[] = [
  // -------------------------------------------------------------------------------- memory channel
  {
    pattern: /Space for commit to queue couldn't be acquired/,
    problem: 'A memory channel is full, so sources cannot put events',
    fix: 'The sink delivers more slowly than the source receives: look for errors of the sink first. Then raise capacity of the channel (its default is 100 events), or add a sink to the channel.',
  },
  {
    pattern: /Cannot commit transaction\. Byte capacity allocated to store event body (\d+)/,
    problem: 'A memory channel has reached its byte capacity of $1 bytes',
    fix: 'Raise byteCapacity of the channel and the heap (-Xmx in JAVA_OPTS of flume-env.sh), or look for what keeps the sink from delivering.',
  },
  {
    pattern: /Put queue for (?:Memory|FileBacked)Transaction of capacity (\d+) full/,
    problem: 'A source puts more events in one batch than transactionCapacity ($1) of its channel allows',
    fix: 'Make batchSize of the source, and of the senders before it, at most transactionCapacity, or raise transactionCapacity of the channel.',
  },
  {
    pattern: /Take list for (?:Memory|FileBacked)Transaction,? (?:of )?capacity (\d+) full/,
    problem: 'A sink takes more events in one batch than transactionCapacity ($1) of its channel allows',
    fix: 'Make the batch size of the sink at most transactionCapacity, or raise transactionCapacity of the channel.',
  },
  {
    pattern: /batch size is greater than the channels? transaction capacity/i,
    problem:
      'A component is not started, because its batch size is larger than transactionCapacity of its channel',
    fix: 'Lower the batch size named in the line, or raise transactionCapacity of the channel.',
  },
  // ---------------------------------------------------------------------------------- file channel
  {
    pattern: /The channel has reached it's capacity/,
    problem: 'A file channel is full, so sources cannot put events',
    fix: 'Look for errors of its sink first. Then raise capacity of the channel: the checkpoint must be removed for that while Flume is stopped, and is built again at the start.',
  },
  {
    pattern: /Usable space exhaust?ed,? only (\d+) bytes remaining/,
    problem:
      'The disk of a file channel has $1 bytes left, less than minimumRequiredSpace (500 MB), so every put, take and rollback fails',
    fix: 'Free space on the disk of dataDirs and checkpointDir, or lower minimumRequiredSpace. The channel goes on within 15 s.',
  },
  {
    pattern: /Cannot lock (\S+?)\.? The directory is already locked/,
    problem: 'The directory $1 is used by another file channel or another agent',
    fix: 'Give each file channel its own checkpointDir and dataDirs (the default is the same for all), and stop the other process (ps -ef | grep flume).',
  },
  {
    pattern: /Corrupt event found\. Please run File Channel Integrity tool/,
    problem: 'A data file of a file channel is damaged, and the channel is closed until it is repaired',
    fix: 'Stop the agent, copy the directories, and run flume-ng tool FCINTEGRITYTOOL -l DATADIRS. "millrace channel verify DATADIRS" reports the damage without changing a file; "millrace channel repair" builds a new channel.',
  },
  {
    pattern: /LogFile is null for id (\d+)/,
    problem: 'The data file log-$1 of a file channel is missing, and its events with it',
    fix: 'Put the file back from a copy, and name all dataDirs. If it is lost, stop the agent and move the checkpoint directory away: the remaining logs are replayed.',
  },
  {
    pattern: /Configured capacity is (\d+) but the\s+checkpoint file capacity is (\d+)/,
    problem:
      'capacity of a file channel was changed from $2 to $1 without a new checkpoint, so the channel does not start',
    fix: 'Stop the agent, and move the content of checkpointDir (not of dataDirs) away. The start then replays the logs.',
  },
  {
    pattern: /BadCheckpointException|Checkpoint was not completed correctly/,
    problem: 'The checkpoint of a file channel was being written when the agent was killed',
    fix: 'No event is lost: Flume replays all logs, which takes long. Give the agent time to stop before it is killed; useDualCheckpoints with backupCheckpointDir avoids the full replay.',
    isWarning: true,
  },
  {
    pattern: /Failed to obtain lock for writing to the log/,
    problem: 'A file channel could not write its log in time',
    fix: 'The disk is too slow, or a checkpoint of a large channel takes long: use a faster disk for dataDirs, larger batches, or raise write-timeout.',
  },
  {
    pattern: /Failed to start the file channel/,
    problem: 'A file channel does not start',
    fix: 'Read the cause below this line. "millrace channel verify DATADIRS" tells whether the files are damaged.',
    isGeneral: true,
  },
  // -------------------------------------------------------------------------------- JVM and system
  {
    pattern: /OutOfMemoryError: (?:Java heap space|GC overhead)/,
    problem: 'The JVM has no memory left; the agent may run on without some of its threads',
    fix: 'Set -Xmx in JAVA_OPTS of flume-env.sh (the default is 20 MB), restart the agent, and limit capacity and byteCapacity of memory channels.',
  },
  {
    pattern: /OutOfMemoryError: Direct buffer memory/,
    problem: 'The JVM has no direct memory left',
    fix: 'Raise -XX:MaxDirectMemorySize in JAVA_OPTS, restart the agent, and lower the batch sizes of the senders.',
  },
  {
    pattern: /Too many open files/,
    problem: 'The process has reached its limit of open files',
    fix: 'Raise it (ulimit -n, LimitNOFILE= of the service) and restart the agent. Look for senders that open connections and do not close them.',
  },
  {
    pattern: /No space left on device/,
    problem: 'A disk is full',
    fix: 'Free space on the disk of the file named in the line. df -h shows which disk it is.',
  },
  {
    pattern: /(?:NoClassDefFoundError|ClassNotFoundException): ([\w.$/]+)/,
    problem: 'The class $1 is not on the classpath of the agent',
    fix: 'Put its jar into lib/ of Flume or into plugins.d/NAME/lib, or correct the name of the type. Restart the agent.',
  },
  {
    pattern: /Unable to load (source|sink|channel) type: ([^,\s]+)/,
    problem: 'The $1 type $2 does not exist',
    fix: 'Correct the type in the configuration, or add the jar of the component to plugins.d.',
  },
  // ---------------------------------------------------------------------------------- configuration
  {
    pattern: /No configuration found for this host:\s*(\S+)/,
    problem: 'The configuration has no agent named $1, so the agent runs without any component',
    fix: 'Make --name the name in the first part of the keys (NAME.sources = …). "millrace check --name NAME -f FILE" shows what the file defines.',
  },
  {
    pattern: /Agent configuration invalid for agent '([^']*)'/,
    problem:
      'Flume dropped the configuration of agent $1, because no complete chain of components is left in it',
    fix: 'Correct the errors above this line. "millrace check --name NAME -f FILE" prints all of them with their lines.',
  },
  {
    pattern: /Could not configure\s+(\w+)\s+(\S+) due to: (.*)/,
    problem: 'Flume dropped the $1 $2: $3',
    fix: 'Correct its settings and restart the agent. "millrace check --name NAME -f FILE" prints the line of each problem.',
  },
  {
    pattern: /(Source|Sink|Channel|SinkGroup) (\S+) has been removed due to an error during configuration/,
    problem: '$1 $2 was removed, because its settings are refused',
    fix: 'Read the exception below the line, correct the setting, and restart the agent.',
  },
  {
    pattern: /Channel (\S+) has no components connected/,
    problem: 'Channel $1 was removed, because no source and no sink uses it',
    fix: 'Compare the names: a source has channels = …, a sink has channel = … (singular).',
  },
  {
    pattern: /Channel (\S+) not in active set/,
    problem: 'A component names channel $1, which is not in the list of channels or was removed',
    fix: 'Add it to NAME.channels, or correct the name.',
  },
  {
    pattern: /Configuration property ignored: ([\w.-]+)/,
    problem: 'The setting $1 is ignored',
    fix: 'Check its spelling and its component; a value must not be empty.',
    isWarning: true,
  },
  {
    pattern: /The specified configuration file does not exist: (\S+)/,
    problem: 'The configuration file $1 does not exist',
    fix: 'Correct --conf-file, or the working directory of the service.',
  },
  {
    pattern: /Failed to load configuration data/,
    problem: 'A changed configuration could not be read; Flume 1.11 does not read it again after that',
    fix: 'Correct the file and restart the agent.',
  },
  {
    pattern: /Sink Processor type null is a custom type/,
    problem: 'A sink group has no processor.type, and its sinks do not run',
    fix: 'Write NAME.sinkgroups.GROUP.processor.type = failover or load_balance.',
  },
  // --------------------------------------------------------------------------------------- sources
  {
    pattern: /Running HTTP Server found in source: (\S+)/,
    problem: 'The HTTP source $1 found its port in use, and never tries it again',
    fix: 'Free the port, and restart the agent.',
  },
  {
    pattern: /BindException:?\s*(?:Address already in use|Cannot assign requested address)|Failed to bind to/,
    problem: 'A source cannot listen on its address',
    fix: 'ss -ltnp shows who has the port. Stop that process, or change bind and port of the source.',
  },
  {
    pattern: /Uncaught exception in SpoolDirectorySource thread/,
    problem: 'A spooling directory source has stopped for good',
    fix: 'A file was changed after it was placed there, or its name was used before. Move the file named below the line away, move only complete files into the directory, with unique names, and restart the agent.',
  },
  {
    pattern: /Command \[(.*?)\] exited with (\d+)/,
    problem: 'The command of an exec source ended with code $2: $1',
    fix: 'Set restart = true, and prefer TAILDIR to "tail -F", which loses lines when the channel is full or the agent restarts.',
  },
  {
    pattern: /Event exceeds the maximum length/,
    problem: 'A netcat source refused a line that is too long',
    fix: 'Raise max-line-length of the source.',
    isWarning: true,
  },
  {
    pattern: /Unable to put batch on required channel/,
    problem: 'A source could not put its events into a channel',
    fix: 'Read the cause below the line. A channel that is full waits for its sink: look for errors of the sink.',
    isGeneral: true,
  },
  // ----------------------------------------------------------------------------------------- Kafka
  {
    pattern:
      /RecordTooLargeException|MESSAGE_TOO_LARGE|message\.max\.bytes|larger than the max\.request\.size/,
    problem: 'Kafka refuses an event as too large, and the sink repeats its batch without end',
    fix: 'Raise max.message.bytes of the topic and kafka.producer.max.request.size of the sink together, or drop such events by an interceptor.',
  },
  {
    pattern: /CommitFailedException|the group has already rebalanced/,
    problem:
      'A Kafka source was thrown out of its group while it delivered, and reads the same records again',
    fix: 'Lower batchSize, or raise kafka.consumer.max.poll.interval.ms. A full channel behind the source is the usual reason.',
  },
  {
    pattern: /OffsetOutOfRange|Offset out of range|out of range with no configured reset policy/i,
    problem: 'Kafka removed records before they were read',
    fix: 'Raise retention.ms or retention.bytes of the topic above the longest outage. kafka.consumer.auto.offset.reset decides where reading continues.',
  },
  {
    pattern: /(?:Topic|Group)AuthorizationException|Not authorized to access (?:topics|group)/,
    problem: 'The user of the agent may not use a topic or a group',
    fix: 'Grant it with kafka-acls.sh: Read on topic and group for a source, Write on the topic for a sink.',
  },
  {
    pattern: /SaslAuthenticationException|Authentication failed/,
    problem: 'The login at a broker failed',
    fix: 'Compare security.protocol, sasl.mechanism and the user and password of sasl.jaas.config with the listener of the broker.',
  },
  {
    pattern: /SSLHandshakeException|PKIX path building failed|SSLException/,
    problem: 'A TLS connection could not be set up',
    fix: 'Check that the trust store has the certificate authority of the peer, that its certificate is for this host name and has not expired, and that both sides use TLS on this port.',
  },
  {
    pattern: /UNKNOWN_TOPIC_OR_PARTITION|Topic (\S+) not present in metadata/,
    problem: 'A topic does not exist',
    fix: 'Correct kafka.topic or kafka.topics, or create the topic with kafka-topics.sh.',
  },
  {
    pattern:
      /Failed to update metadata after|Broker may not be available|Connection to node -?\d+ .*could not be established/,
    problem: 'No Kafka broker can be reached',
    fix: 'Check kafka.bootstrap.servers, the firewall, and advertised.listeners of the brokers: their names must resolve on this machine.',
  },
  {
    pattern: /The server disconnected before a response was received/,
    problem: 'A broker closes the connection at the first request of the client',
    fix: 'The client is too old for the broker (Flume 1.8 against Kafka 4), or the port speaks TLS or SASL: compare security.protocol.',
  },
  {
    pattern: /Failed to publish events/,
    problem: 'A Kafka sink could not deliver',
    fix: 'Read the cause below the line.',
    isGeneral: true,
  },
  // --------------------------------------------------------------------------------- Avro and sinks
  {
    pattern: /host: ([^,\s]+), port: (\d+) \}: RPC connection error/,
    problem: 'The Avro source at $1:$2 cannot be reached',
    fix: 'Start the agent there, or correct hostname and port of the sink. Events wait in the channel until then.',
  },
  {
    pattern: /RPC request timed out|Handshake timed out|Handshake response not received/,
    problem: 'The next agent does not answer in time',
    fix: 'Its channel is probably full, or the batch is too large for request-timeout (20 s). Look at that agent. If only one side uses ssl or compression-type, set both the same.',
  },
  {
    pattern: /Avro RPC call returned Status: (\w+)/,
    problem: 'The next agent refuses the batches with $1',
    fix: 'Look at the log of that agent: its channel is full, or the batch is larger than transactionCapacity of its channel.',
  },
  {
    pattern: /Connection refused/,
    problem: 'A peer does not listen at the address of a component',
    fix: 'Start the peer, or correct host and port.',
    isGeneral: true,
  },
  {
    pattern: /All sinks failed to process, nothing left to failover to|All configured sinks have failed/,
    problem: 'Every sink of a sink group fails',
    fix: 'Read the errors of the single sinks above this line.',
    isGeneral: true,
  },
  {
    pattern: /Expected timestamp in the Flume event headers, but it was null/,
    problem: 'A sink needs the header timestamp for the date in its path, and events have none',
    fix: 'Add a timestamp interceptor to the source, or set hdfs.useLocalTimeStamp = true.',
  },
  {
    pattern: /Callable timed out after (\d+) ms/,
    problem: 'HDFS did not answer within $1 ms',
    fix: 'Raise hdfs.callTimeout, and check the name node and data nodes.',
  },
  {
    pattern: /Unable to deliver event\. Exception follows|Failed to send events/,
    problem: 'A sink could not deliver',
    fix: 'Read the cause below the line.',
    isGeneral: true,
  },
]
