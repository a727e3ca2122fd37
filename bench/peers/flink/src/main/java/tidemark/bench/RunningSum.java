package tidemark.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** The sum of the values of each key so far, given out at every record. */
final class RunningSum extends KeyedProcessFunction<Long, Tuple2<Long, Long>, Tuple2<Long, Long>> {
    private static final long serialVersionUID = 1L;

    private transient ValueState<Long> sum;
    private transient Tuple2<Long, Long> result;

    @Override
    public void open(OpenContext context) {
        sum = getRuntimeContext().getState(new ValueStateDescriptor<>("sum", Types.LONG));
        result = new Tuple2<>();
    }

    @Override
    public void processElement(Tuple2<Long, Long> record, Context context, Collector<Tuple2<Long, Long>> output) throws Exception {
        Long before = sum.value();
        Long total = before == null ? record.f1 : before + record.f1;
        sum.update(total);
        result.f0 = record.f0;
        result.f1 = total;
        output.collect(result);
    }
}
