// HDFS in one process, led by commands: one line to its command port, answered by what it prints and a last line, "done"
// or "failed" and why.
//
//   stop-datanode N, start-datanode, stop-namenode, start-namenode
//   list            every file, with its size
//   text PATH       what the file holds, as `hadoop fs -text` prints it
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.fs.LocatedFileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.fs.permission.FsPermission;
import org.apache.hadoop.hdfs.DistributedFileSystem;
import org.apache.hadoop.hdfs.MiniDFSCluster;

class MiniHdfs {
  static MiniDFSCluster cluster;
  static MiniDFSCluster.DataNodeProperties stopped;

  public static void main(String[] words) throws Exception {
    Configuration conf = new Configuration();
    conf.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, words[0]);
    cluster = new MiniDFSCluster.Builder(conf).numDataNodes(Integer.parseInt(words[1])).build();
    cluster.waitActive();
    // What a DataNode that died has left may be recovered after 2 s, not after a minute.
    cluster.setLeasePeriod(2000, 20 * 60 * 1000);
    DistributedFileSystem files = cluster.getFileSystem();
    files.mkdirs(new Path("/open"));
    files.setPermission(new Path("/open"), new FsPermission((short) 0777));
    ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
    System.out.println("HDFS started rpc=" + cluster.getNameNodePort()
        + " http=" + cluster.getNameNode().getHttpAddress().getPort() + " commands=" + server.getLocalPort());
    PrintStream out = System.out;
    while (true)
      try (Socket socket = server.accept()) {
        String line = new BufferedReader(new InputStreamReader(socket.getInputStream())).readLine();
        PrintStream answer = new PrintStream(socket.getOutputStream());
        try {
          System.setOut(answer);
          run(line.split(" "), answer);
          answer.println("done");
        } catch (Throwable failure) {
          answer.println("failed " + failure);
        } finally {
          System.setOut(out);
        }
        answer.flush();
      }
  }

  static void run(String[] command, PrintStream out) throws Exception {
    switch (command[0]) {
      case "stop-datanode":
        stopped = cluster.stopDataNode(Integer.parseInt(command[1]));
        break;
      case "start-datanode":
        cluster.restartDataNode(stopped, true);
        cluster.waitActive();
        break;
      case "stop-namenode":
        cluster.shutdownNameNode(0);
        break;
      case "start-namenode":
        cluster.restartNameNode(0, true);
        break;
      case "list":
        RemoteIterator<LocatedFileStatus> files = cluster.getFileSystem().listFiles(new Path("/"), true);
        while (files.hasNext()) {
          LocatedFileStatus one = files.next();
          out.println(one.getPath().toUri().getPath() + " " + one.getLen());
        }
        break;
      case "text":
        String place = "hdfs://localhost:" + cluster.getNameNodePort() + command[1];
        int code = new FsShell(new Configuration(cluster.getConfiguration(0))).run(new String[] {"-text", place});
        if (code != 0) throw new IOException("hadoop fs -text " + place + " exits with " + code);
        break;
      default:
        throw new IOException("no command " + command[0]);
    }
  }
}
