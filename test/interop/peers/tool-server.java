// Runs main classes one after another in one JVM, so that a test of twenty tools starts Java once. A
// connection is one run: the class, what the tool reads from its standard input (base64), and its words,
// a line each; the answer is the exit code, a newline, and everything the tool printed.
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.security.Permission;
import java.util.Base64;
import java.util.List;

class ToolServer {
    /** The first code a tool asks to exit with; tools that catch everything ask a second time. */
    static volatile Integer exitCode;

    static class Exited extends SecurityException {}

    @SuppressWarnings("removal")
    public static void main(String[] words) throws Exception {
        PrintStream console = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        // One stream for good: Scala's Console keeps the one it finds first.
        PrintStream capture = new PrintStream(printed, true);
        System.setOut(capture);
        System.setErr(capture);
        System.setSecurityManager(new SecurityManager() {
            @Override
            public void checkExit(int code) {
                if (Thread.currentThread().getName().startsWith("SIG")) return;
                if (exitCode == null) exitCode = code;
                throw new Exited();
            }

            @Override
            public void checkPermission(Permission permission) {}
        });
        try (ServerSocket server = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            console.println("tools on " + server.getLocalPort());
            for (;;)
                try (Socket socket = server.accept()) {
                    List<String> lines = new BufferedReader(
                        new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8)).lines().toList();
                    exitCode = null;
                    printed.reset();
                    System.setIn(new ByteArrayInputStream(Base64.getDecoder().decode(lines.get(1))));
                    int code = run(lines.get(0), lines.subList(2, lines.size()).toArray(String[]::new));
                    capture.flush();
                    socket.getOutputStream().write((code + "\n").getBytes(StandardCharsets.UTF_8));
                    socket.getOutputStream().write(printed.toByteArray());
                }
        }
    }

    static int run(String main, String[] words) throws Exception {
        try {
            Class.forName(main).getMethod("main", String[].class).invoke(null, (Object) words);
        } catch (ClassNotFoundException absent) {
            System.out.println("no such class: " + main);
            return 127;
        } catch (InvocationTargetException failed) {
            if (exitCode == null) {
                failed.getCause().printStackTrace();
                return 1;
            }
        }
        return exitCode == null ? 0 : exitCode;
    }
}
