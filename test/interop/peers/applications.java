// Programs on Kafka's own libraries for Java: `applications.java streams HOST:PORT DIRECTORY` counts records by
// their keys, exactly once, until it is ended; `applications.java questions HOST:PORT` asks what only newer
// clients ask, and prints an answer a line.
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

class Applications {
  public static void main(String[] words) throws Exception {
    if (words[0].equals("streams")) streams(words[1], words[2]);
    else questions(words[1]);
  }

  static void streams(String broker, String directory) {
    var settings = properties(Map.of(
        "bootstrap.servers", broker,
        "application.id", "counting",
        "state.dir", directory,
        "processing.guarantee", "exactly_once_v2",
        "commit.interval.ms", "100",
        "statestore.cache.max.bytes", "0",
        "default.key.serde", Serdes.StringSerde.class.getName(),
        "default.value.serde", Serdes.StringSerde.class.getName(),
        "auto.offset.reset", "earliest",
        "session.timeout.ms", "3000"));
    settings.put("heartbeat.interval.ms", "500");
    var builder = new StreamsBuilder();
    builder.<String, String>stream("streams-in").groupByKey().count(Materialized.as("counts"))
        .toStream().mapValues(count -> Long.toString(count))
        .to("streams-out", Produced.with(Serdes.String(), Serdes.String()));
    var running = new KafkaStreams(builder.build(), settings);
    running.setStateListener((now, before) -> System.out.println("streams are " + now));
    running.setUncaughtExceptionHandler(error -> {
      error.printStackTrace();
      System.exit(1);
      return null;
    });
    Runtime.getRuntime().addShutdownHook(new Thread(() -> running.close(Duration.ofSeconds(5))));
    running.start();
  }

  static void questions(String broker) throws Exception {
    var settings = properties(Map.of("bootstrap.servers", broker));
    try (var admin = Admin.create(settings)) {
      say("acls", admin.describeAcls(AclBindingFilter.ANY).values());
      say("quorum", admin.describeMetadataQuorum().quorumInfo().thenApply(quorum -> quorum.leaderId()));
      say("features", admin.describeFeatures().featureMetadata().thenApply(all -> all.finalizedFeatures().size()));
      say("topics", admin.describeTopics(List.of("questions")).allTopicNames()
          .thenApply(topics -> topics.get("questions").partitions().size()));
      say("reassignments", admin.listPartitionReassignments().reassignments().thenApply(Map::size));
      say("elections", admin.electLeaders(org.apache.kafka.common.ElectionType.PREFERRED, null).partitions().thenApply(Map::size));
      say("resources", admin.listConfigResources().all().thenApply(Collection::size));
      say("quotas", admin.describeClientQuotas(org.apache.kafka.common.quota.ClientQuotaFilter.all()).entities().thenApply(Map::size));
      say("transactions", admin.listTransactions().all().thenApply(Collection::size));
      say("groups", admin.describeConsumerGroups(List.of("nobody")).all());
      say("tokens", admin.describeDelegationToken().delegationTokens());
      say("what may be done", admin.describeCluster(new org.apache.kafka.clients.admin.DescribeClusterOptions()
          .includeAuthorizedOperations(true)).authorizedOperations().thenApply(Collection::size));
    }
    var consumer = properties(Map.of(
        "bootstrap.servers", broker,
        "group.id", "newer",
        "key.deserializer", StringDeserializer.class.getName(),
        "value.deserializer", StringDeserializer.class.getName()));
    try (var sharing = new KafkaShareConsumer<String, String>(consumer)) {
      sharing.subscribe(List.of("questions"));
      say("a share consumer", () -> poll(() -> sharing.poll(Duration.ofMillis(100)).count()));
    }
    consumer.put("group.protocol", "consumer");
    try (var reading = new KafkaConsumer<String, String>(consumer)) {
      reading.subscribe(List.of("questions"));
      say("a consumer of the newer kind", () -> poll(() -> reading.poll(Duration.ofMillis(100)).count()));
    }
  }

  interface Question {
    Object ask() throws Exception;
  }

  /** What a consumer fails with; its first polls only find out where to ask. */
  static Object poll(Question once) throws Exception {
    for (var end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10); System.nanoTime() < end;) once.ask();
    return "nothing within 10 s";
  }

  static void say(String name, KafkaFuture<?> answer) {
    say(name, () -> answer.get(10, TimeUnit.SECONDS));
  }

  static void say(String name, Question question) {
    try {
      System.out.println(name + ": " + question.ask());
    } catch (ExecutionException error) {
      System.out.println(name + ": " + error.getCause().getClass().getSimpleName());
    } catch (Exception error) {
      System.out.println(name + ": " + error.getClass().getSimpleName());
    }
  }

  static Properties properties(Map<String, String> settings) {
    var properties = new Properties();
    properties.putAll(settings);
    return properties;
  }
}
