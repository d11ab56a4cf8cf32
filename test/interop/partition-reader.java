// Reads each partition of a topic from its begin with Kafka's own consumer, and prints a line a partition: its
// number, how many records came and the CRC-32 of their values, and the error that ended it, innermost last.
// Words: broker, topic, how many partitions, how many records each should have. Compiles against every client.
import java.time.Duration;
import java.util.Collections;
import java.util.Properties;
import java.util.zip.CRC32;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

class PartitionReader {
    public static void main(String[] words) throws Exception {
        int partitions = Integer.parseInt(words[2]);
        int wanted = Integer.parseInt(words[3]);
        Properties properties = new Properties();
        properties.put("bootstrap.servers", words[0]);
        properties.put("enable.auto.commit", "false");
        properties.put("auto.offset.reset", "earliest");
        String bytes = "org.apache.kafka.common.serialization.ByteArrayDeserializer";
        properties.put("key.deserializer", bytes);
        properties.put("value.deserializer", bytes);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            for (int partition = 0; partition < partitions; partition++)
                System.out.println(partition + "\t" + read(consumer, new TopicPartition(words[1], partition), wanted));
        }
        System.out.println("done");
    }

    static String read(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, int wanted) {
        consumer.assign(Collections.singletonList(partition));
        consumer.seek(partition, 0);
        int count = 0;
        CRC32 sum = new CRC32();
        long end = System.nanoTime() + 3_000_000_000L;
        try {
            while (count < wanted && System.nanoTime() < end)
                for (ConsumerRecord<byte[], byte[]> record : poll(consumer)) {
                    count++;
                    sum.update(record.value());
                }
        } catch (Throwable failed) {
            StringBuilder text = new StringBuilder();
            for (Throwable one = failed; one != null; one = one.getCause())
                text.append(one.getClass().getSimpleName()).append(": ").append(one.getMessage()).append(" < ");
            return count + "\t" + sum.getValue() + "\t" + text.toString().replaceAll("\\s+", " ");
        }
        return count + "\t" + sum.getValue() + "\t" + (count < wanted ? "nothing more" : "");
    }

    /** poll(long) is gone from 4.0 on, poll(Duration) came with 2.0. */
    @SuppressWarnings("unchecked")
    static ConsumerRecords<byte[], byte[]> poll(KafkaConsumer<byte[], byte[]> consumer) throws Throwable {
        try {
            try {
                return (ConsumerRecords<byte[], byte[]>) KafkaConsumer.class.getMethod("poll", Duration.class)
                    .invoke(consumer, Duration.ofMillis(200));
            } catch (NoSuchMethodException old) {
                return (ConsumerRecords<byte[], byte[]>) KafkaConsumer.class.getMethod("poll", long.class)
                    .invoke(consumer, 200L);
            }
        } catch (java.lang.reflect.InvocationTargetException failed) {
            throw failed.getCause();
        }
    }
}
