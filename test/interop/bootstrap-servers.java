// Reads each line of a file as Kafka's clients read bootstrap.servers, and prints a line for it: the addresses, or
// "refused". Names are not looked up.
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.utils.Utils;

class BootstrapServers {
    public static void main(String[] words) throws Exception {
        for (String line : Files.readString(Path.of(words[0])).split("\n", -1))
            System.out.println("> " + read(line));
        System.out.println("done");
    }

    static String read(String value) {
        List<String> found = new ArrayList<>();
        try {
            for (Object one : (List<?>) ConfigDef.parseType("bootstrap.servers", value, ConfigDef.Type.LIST)) {
                String url = (String) one;
                if (url.isEmpty()) continue;
                String host = Utils.getHost(url);
                Integer port = Utils.getPort(url);
                if (host == null || port == null) return "refused";
                found.add(host + " " + InetSocketAddress.createUnresolved(host, port).getPort());
            }
        } catch (IllegalArgumentException | ConfigException wrong) {
            return "refused";
        }
        return found.isEmpty() ? "refused" : String.join(", ", found);
    }
}
