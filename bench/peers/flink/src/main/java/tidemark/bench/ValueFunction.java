package tidemark.bench;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** Keeps one value a key and tells the job in this process of every record and barrier. */
final class ValueFunction extends KeyedProcessFunction<Long, Long, Long> implements CheckpointedFunction {
    private transient ValueState<byte[]> value;
    private transient int subtask;

    @Override
    public void open(OpenContext context) {
        value = getRuntimeContext().getState(new ValueStateDescriptor<>("value", PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
        subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
    }

    @Override
    public void processElement(Long key, Context context, Collector<Long> output) throws Exception {
        CheckpointedJob.current().process(subtask, key.intValue(), value);
    }

    /** Called between the last record of a checkpoint and the first behind it, before the state backend's snapshot. */
    @Override
    public void snapshotState(FunctionSnapshotContext context) {
        CheckpointedJob.current().atBarrier();
    }

    @Override
    public void initializeState(FunctionInitializationContext context) {}
}
