// Flume's file channel under load, in its own JVM: for each `size:writers:seconds` of the arguments so many threads
// put transactions of that many events of 200 bytes and as many take them; prints size, writers, events taken
// a second, and bytes written to the disk for each. `fill:N` puts N events and ends without closing;
// `open` prints the milliseconds until the channel is open, and how many events it holds.
// Arguments: directory, capacity, then any of these.
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.flume.ChannelException;
import org.apache.flume.Context;
import org.apache.flume.Event;
import org.apache.flume.Transaction;
import org.apache.flume.channel.file.FileChannel;
import org.apache.flume.conf.Configurables;
import org.apache.flume.event.EventBuilder;

public class FlumeChannelLoad {
  static final byte[] BODY = new byte[200];

  public static void main(String[] words) throws Exception {
    directory = words[0];
    java.util.Arrays.fill(BODY, (byte) 'x');
    Map<String, String> settings = new HashMap<>();
    settings.put("checkpointDir", words[0] + "/checkpoint");
    settings.put("dataDirs", words[0] + "/data");
    settings.put("capacity", words[1]);
    settings.put("transactionCapacity", "10000");
    FileChannel channel = new FileChannel();
    channel.setName("c1");
    Configurables.configure(channel, new Context(settings));
    long begun = System.nanoTime();
    channel.start();
    double took = (System.nanoTime() - begun) / 1e6;
    for (int at = 2; at < words.length; at++) {
      String[] word = words[at].split(":");
      if (word[0].equals("open")) {
        System.out.printf("open %.0f %d%n", took, count(channel));
      } else if (word[0].equals("fill")) {
        fill(channel, Integer.parseInt(word[1]));
        System.out.println("filled");
        System.out.flush();
        Runtime.getRuntime().halt(0);
      } else {
        load(channel, Integer.parseInt(word[0]), Integer.parseInt(word[1]), Double.parseDouble(word[2]));
      }
    }
    System.out.flush();
    Runtime.getRuntime().halt(0);
  }

  static long count(FileChannel channel) throws Exception {
    java.lang.reflect.Field field = FileChannel.class.getDeclaredField("channelCounter");
    field.setAccessible(true);
    Object counter = field.get(channel);
    return ((org.apache.flume.instrumentation.ChannelCounter) counter).getChannelSize();
  }

  static void fill(FileChannel channel, int events) {
    for (int done = 0; done < events;) {
      int size = Math.min(10000, events - done);
      put(channel, size);
      done += size;
    }
  }

  static void load(FileChannel channel, int size, int writers, double seconds) throws Exception {
    AtomicLong taken = new AtomicLong();
    AtomicLong running = new AtomicLong(writers);
    long written = writtenBytes();
    long begun = System.nanoTime();
    long end = begun + (long) (seconds * 1e9);
    List<Thread> threads = new ArrayList<>();
    long[] atEnd = new long[1];
    for (int at = 0; at < writers; at++) {
      threads.add(new Thread(() -> {
        while (System.nanoTime() < end) put(channel, size);
        if (running.decrementAndGet() == 0) atEnd[0] = taken.get();
      }));
      threads.add(new Thread(() -> {
        for (;;) {
          int count = take(channel, size);
          taken.addAndGet(count);
          if (count == 0 && running.get() == 0) return;
        }
      }));
    }
    for (Thread thread : threads) thread.start();
    for (Thread thread : threads) thread.join();
    double took = (System.nanoTime() - begun) / 1e9;
    System.out.printf("%d %d %.0f %.0f%n", size, writers, taken.get() / took, (double) (writtenBytes() - written) / taken.get());
  }

  static void put(FileChannel channel, int size) {
    Transaction transaction = channel.getTransaction();
    transaction.begin();
    try {
      for (int at = 0; at < size; at++) {
        Map<String, String> headers = new HashMap<>();
        headers.put("n", "1");
        Event event = EventBuilder.withBody(BODY, headers);
        channel.put(event);
      }
      transaction.commit();
    } catch (ChannelException full) {
      transaction.rollback();
    } finally {
      transaction.close();
    }
  }

  static int take(FileChannel channel, int size) {
    Transaction transaction = channel.getTransaction();
    transaction.begin();
    int count = 0;
    try {
      while (count < size && channel.take() != null) count++;
      transaction.commit();
    } finally {
      transaction.close();
    }
    if (count == 0) Thread.yield();
    return count;
  }

  static String directory;

  /** By the whole machine to the disk that the directory is on, in sectors of 512 bytes as the kernel counts. */
  static long writtenBytes() throws Exception {
    long dev = (Long) Files.getAttribute(Path.of(directory), "unix:dev");
    String start = String.format("%d %d ", (dev >> 8) & 0xfff, dev & 0xff);
    for (String line : Files.readAllLines(Path.of("/proc/diskstats"))) {
      String[] fields = line.trim().split(" +");
      if ((fields[0] + " " + fields[1] + " ").equals(start)) return 512 * Long.parseLong(fields[9]);
    }
    return 0;
  }
}
