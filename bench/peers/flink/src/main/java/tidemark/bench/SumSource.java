package tidemark.bench;

import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.source.legacy.SourceFunction;

/** Records of the running sum: uniformly random keys, computed from the index as on the other side, and values. */
final class SumSource implements SourceFunction<Tuple2<Long, Long>> {
    private static final long serialVersionUID = 1L;
    private static final int BATCH = 1024;
    private static final int VALUES = 1000;
    private static final int STEP = 0x6d2b79f5;

    private final int records;
    private final int keyCount;
    private final int seed;
    private volatile boolean isRunning = true;

    SumSource(int records, int keyCount, int seed) {
        this.records = records;
        this.keyCount = keyCount;
        this.seed = seed;
    }

    /** The key that a SeededRandom of this seed draws at an index. */
    static int key(int index, int seed, int keyCount) {
        return new SeededRandom(seed + index * STEP).below(keyCount);
    }

    static long value(int index) {
        return index % VALUES;
    }

    @Override
    public void run(SourceContext<Tuple2<Long, Long>> context) {
        Tuple2<Long, Long> record = new Tuple2<>();
        for (int start = 0; isRunning && start < records; start += BATCH) {
            // The lock is what barriers wait for: one for each record would be slower.
            synchronized (context.getCheckpointLock()) {
                int end = Math.min(start + BATCH, records);
                for (int index = start; index < end; index++) {
                    record.f0 = (long) key(index, seed, keyCount);
                    record.f1 = value(index);
                    context.collect(record);
                }
            }
        }
    }

    @Override
    public void cancel() {
        isRunning = false;
    }
}
