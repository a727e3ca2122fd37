package tidemark.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** How often each word was seen so far, given out at every word. */
final class WordCount extends KeyedProcessFunction<String, String, Tuple2<String, Long>> {
    private static final long serialVersionUID = 1L;

    private transient ValueState<Long> seen;
    private transient Tuple2<String, Long> result;

    @Override
    public void open(OpenContext context) {
        seen = getRuntimeContext().getState(new ValueStateDescriptor<>("seen", Types.LONG));
        result = new Tuple2<>();
    }

    @Override
    public void processElement(String word, Context context, Collector<Tuple2<String, Long>> output) throws Exception {
        Long before = seen.value();
        Long count = before == null ? 1L : before + 1;
        seen.update(count);
        result.f0 = word;
        result.f1 = count;
        output.collect(result);
    }
}
