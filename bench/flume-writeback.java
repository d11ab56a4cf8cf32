// Flume's file channel on a disk that fails, in its own JVM; the words are those of test/faults/writeback-writer.ts.
// `write` puts 200 events, says `ready`, waits for a line and has eight threads commit one event each at once, four
// rounds; says what was acknowledged and what refused. `read` says what is inside. Arguments: directory, one of these.
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import org.apache.flume.Context;
import org.apache.flume.Event;
import org.apache.flume.Transaction;
import org.apache.flume.channel.file.FileChannel;
import org.apache.flume.conf.Configurables;
import org.apache.flume.event.EventBuilder;

public class FlumeWriteBack {
  static FileChannel channel;

  public static void main(String[] words) throws Exception {
    Map<String, String> settings = new HashMap<>();
    settings.put("checkpointDir", words[0] + "/checkpoint");
    settings.put("dataDirs", words[0] + "/data");
    settings.put("capacity", "10000");
    settings.put("transactionCapacity", "1000");
    settings.put("minimumRequiredSpace", "1048576");
    channel = new FileChannel();
    channel.setName("c1");
    Configurables.configure(channel, new Context(settings));
    channel.start();
    try {
      if (words[1].equals("read")) read();
      else write();
      say("end");
    } catch (Throwable failure) {
      failure.printStackTrace();
    }
    Runtime.getRuntime().halt(0);
  }

  static void read() {
    for (boolean more = true; more;) {
      Transaction transaction = channel.getTransaction();
      transaction.begin();
      Event event = channel.take();
      more = event != null;
      if (more) say("there " + new String(event.getBody(), StandardCharsets.UTF_8).split(" ")[0]);
      transaction.commit();
      transaction.close();
    }
  }

  static void write() throws Exception {
    for (int number = 0; number < 200; number++) put("before-" + number, 100, null);
    say("ready");
    System.in.read();
    CyclicBarrier together = new CyclicBarrier(8);
    List<Thread> threads = new ArrayList<>();
    for (int at = 0; at < 8; at++) {
      int writer = at;
      Thread thread = new Thread(() -> {
        for (int round = 0; round < 4; round++) put(writer + "-" + round, 6000, together);
      });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) thread.join();
  }

  static void put(String id, int bytes, CyclicBarrier together) {
    String said = "acknowledged ";
    Transaction transaction = channel.getTransaction();
    transaction.begin();
    try {
      String text = id + " " + ".".repeat(bytes - id.length() - 1);
      boolean isIn = false;
      try {
        channel.put(EventBuilder.withBody(text.getBytes(StandardCharsets.UTF_8)));
        isIn = true;
      } finally {
        if (together != null) together.await();
      }
      if (isIn) transaction.commit();
    } catch (Throwable refusal) {
      said = "refused ";
      try {
        transaction.rollback();
      } catch (Throwable also) {
        // What it could not write it cannot take back either; it was refused.
      }
    } finally {
      try {
        transaction.close();
      } catch (Throwable state) {
        // Neither committed nor rolled back: refused.
      }
    }
    say(said + id);
  }

  static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }
}
