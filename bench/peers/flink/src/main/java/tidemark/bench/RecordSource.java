package tidemark.bench;

import java.util.concurrent.locks.LockSupport;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.functions.source.legacy.RichParallelSourceFunction;

/**
 * Gives the records of the feed. The rest of the job is chained to it, so that a record is processed once collect() returns: nothing
 * goes through the network stack, as on the other side.
 */
final class RecordSource extends RichParallelSourceFunction<Long> {
    private static final int BATCH = 256;
    private static final long PARK_NANOS = 10_000;

    private volatile boolean isRunning = true;

    @Override
    public void run(SourceContext<Long> context) {
        RecordFeed feed = CheckpointedJob.current().feed;
        int subtask = getRuntimeContext().getTaskInfo().getIndexOfThisSubtask();
        int maxParallelism = getRuntimeContext().getTaskInfo().getMaxNumberOfParallelSubtasks();
        int number = 0;
        long given = 0;
        while (isRunning) {
            RecordFeed.Order order = feed.order();
            if (order.number() != number) {
                number = order.number();
                given = 0;
            }
            long size = Math.min(Math.min(due(order, given), order.count() - given), BATCH);
            if (size <= 0) {
                feed.report(subtask, number, given);
                LockSupport.parkNanos(PARK_NANOS);
                continue;
            }
            synchronized (context.getCheckpointLock()) {
                for (int i = 0; i < size; i++) {
                    long key = key(feed, order, subtask, given + i);
                    if (KeyGroupRangeAssignment.assignKeyToParallelOperator(key, maxParallelism, feed.parallelism) == subtask) {
                        context.collect(key);
                    }
                }
            }
            given += size;
            feed.report(subtask, number, given);
        }
    }

    private static long due(RecordFeed.Order order, long given) {
        if (order.recordsPerSecond() == 0) {
            return BATCH;
        }
        return (long) ((System.nanoTime() - order.startNanos()) / 1e9 * order.recordsPerSecond()) - given;
    }

    private static long key(RecordFeed feed, RecordFeed.Order order, int subtask, long index) {
        switch (order.kind()) {
            case LOAD:
                return index;
            case UPDATE:
                return feed.randomKey(subtask);
            default:
                return (order.firstKey() + index * feed.keyCount / order.count()) % feed.keyCount;
        }
    }

    @Override
    public void cancel() {
        isRunning = false;
    }
}
