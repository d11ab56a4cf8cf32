// Reads times with Joda-Time as Flume's millis serializer does. Each line of the file has a time zone, a pattern and a
// text, by tabs; printed for it are milliseconds, "none" where the text is refused, or "illegal" and why the pattern is.
import java.nio.file.Files;
import java.nio.file.Path;
import org.joda.time.DateTimeUtils;
import org.joda.time.DateTimeZone;
import org.joda.time.format.DateTimeFormat;
import org.joda.time.format.DateTimeFormatter;

class JodaTimes {
    public static void main(String[] words) throws Exception {
        DateTimeUtils.setCurrentMillisFixed(Long.parseLong(words[1]));
        StringBuilder answers = new StringBuilder();
        for (String line : Files.readString(Path.of(words[0])).split("\n")) {
            String[] parts = line.split("\t", -1);
            DateTimeZone.setDefault(DateTimeZone.forID(parts[0]));
            answers.append("> ").append(read(parts[1], parts[2])).append('\n');
        }
        System.out.print(answers + "done\n");
    }

    static String read(String pattern, String text) {
        DateTimeFormatter formatter;
        try {
            formatter = DateTimeFormat.forPattern(pattern);
        } catch (RuntimeException illegal) {
            return "illegal: " + illegal.getMessage();
        }
        try {
            return Long.toString(formatter.parseDateTime(text).getMillis());
        } catch (RuntimeException refused) {
            return "none";
        }
    }
}
