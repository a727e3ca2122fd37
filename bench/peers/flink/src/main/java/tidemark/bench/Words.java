package tidemark.bench;

import java.util.Locale;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.util.Collector;

/** The words of a line: letters, digits and "_" of ASCII, in lower case. As in the word count that Flink ships as an example. */
final class Words implements FlatMapFunction<String, String> {
    private static final long serialVersionUID = 1L;
    private static final Pattern WORD = Pattern.compile("\\w+");

    static void each(String line, Consumer<String> consumer) {
        Matcher matcher = WORD.matcher(line.toLowerCase(Locale.ROOT));
        while (matcher.find()) {
            consumer.accept(matcher.group());
        }
    }

    @Override
    public void flatMap(String line, Collector<String> output) {
        each(line, output::collect);
    }
}
