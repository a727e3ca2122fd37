package tidemark.bench;

import java.io.File;
import java.net.URI;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.core.execution.RecoveryClaimMode;
import org.apache.flink.runtime.checkpoint.CompletedCheckpointStats;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.jobgraph.SavepointRestoreSettings;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * A job that keeps one value a key, on a cluster in this process, with a model beside it: what each key must hold. Its records are
 * steered by the main thread, and it takes checkpoints only when asked. One job runs at a time.
 */
final class CheckpointedJob {
    /** Bytes of a key, as both sides count them. */
    static final int KEY_BYTES = 8;

    private static final int MAX_PARALLELISM = 128;
    private static final AtomicReference<CheckpointedJob> CURRENT = new AtomicReference<>();

    final RecordFeed feed;
    final GapRecorder gaps = new GapRecorder();
    private final LocalCluster local;
    private final MiniCluster cluster;
    private final int keyCount;
    private final int valueBytes;
    private final int parallelism;
    private final int[] versions;
    private final int[] changedIn;
    private final AtomicReference<String> wrong = new AtomicReference<>();
    private final AtomicInteger checked = new AtomicInteger();
    private final AtomicIntegerArray hasProcessed;
    private int barriers = 1;
    private int changed;
    private volatile int changedAtBarrier;
    private volatile long barrierNanos;
    private volatile long pauseNanos;
    private volatile long firstRecordNanos;
    private JobID id;

    /** The versions of an earlier job go on in one that is restored from it. */
    CheckpointedJob(LocalCluster local, Settings settings, int parallelism, CheckpointedJob earlier) {
        this.local = local;
        cluster = local.cluster;
        this.parallelism = parallelism;
        keyCount = settings.number("keys");
        valueBytes = settings.number("valueBytes");
        feed = new RecordFeed(keyCount, parallelism, settings.number("seed"));
        versions = earlier == null ? new int[keyCount] : earlier.versions;
        changedIn = new int[keyCount];
        hasProcessed = new AtomicIntegerArray(parallelism);
    }

    static CheckpointedJob current() {
        return CURRENT.get();
    }

    long stateBytes() {
        return (long) keyCount * (KEY_BYTES + valueBytes);
    }

    /** Submits the job, restored from a checkpoint's path if there is one. */
    void start(File checkpoint) throws Exception {
        CURRENT.set(this);
        JobGraph graph = graph();
        if (checkpoint != null) {
            graph.setSavepointRestoreSettings(
                    SavepointRestoreSettings.forPath(checkpoint.toURI().toString(), false, RecoveryClaimMode.CLAIM));
        }
        id = cluster.submitJob(graph).get().getJobID();
    }

    /** Restores it. Milliseconds from the call until every subtask has read a right value. */
    double restore(File checkpoint, int firstKey) throws Exception {
        // Enough keys that every subtask has one.
        int checks = parallelism == 1 ? 1 : Math.min(keyCount, 256);
        feed.begin(RecordFeed.Kind.CHECK, checks, 0, firstKey);
        long startNanos = System.nanoTime();
        start(checkpoint);
        await(() -> firstRecordNanos != 0);
        reached(checks);
        requireRight();
        return (firstRecordNanos - startNanos) / 1e6;
    }

    private JobGraph graph() {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(local.configuration);
        environment.setParallelism(parallelism);
        environment.setMaxParallelism(MAX_PARALLELISM);
        environment.getConfig().enableObjectReuse();
        environment.enableCheckpointing(Duration.ofDays(10).toMillis());
        // Without it Flink takes a checkpoint of its own when the job starts.
        environment.getCheckpointConfig().setMinPauseBetweenCheckpoints(Duration.ofDays(10).toMillis());
        DataStream<Long> records = environment.addSource(new RecordSource(), Types.LONG).uid("records");
        DataStreamUtils.reinterpretAsKeyedStream(records, key -> key, Types.LONG)
                .process(new ValueFunction())
                .uid("values");
        return environment.getStreamGraph().getJobGraph();
    }

    void process(int subtask, int key, ValueState<byte[]> value) throws Exception {
        long sinceBarrierNanos = barrierNanos;
        if (sinceBarrierNanos != 0) {
            pauseNanos = System.nanoTime() - sinceBarrierNanos;
            barrierNanos = 0;
        }
        RecordFeed.Kind kind = feed.order().kind();
        if (kind == RecordFeed.Kind.CHECK) {
            check(key, value.value());
        } else {
            if (kind == RecordFeed.Kind.UPDATE) {
                versions[key]++;
            }
            if (changedIn[key] != barriers) {
                changedIn[key] = barriers;
                changed++;
            }
            value.update(RecordValue.of(key, versions[key], valueBytes));
        }
        long now = System.nanoTime();
        if (firstRecordNanos == 0) {
            noteFirst(subtask, now);
        }
        if (parallelism == 1) {
            gaps.record(now);
        }
    }

    private synchronized void noteFirst(int subtask, long now) {
        hasProcessed.set(subtask, 1);
        for (int other = 0; other < parallelism; other++) {
            if (hasProcessed.get(other) == 0) {
                return;
            }
        }
        firstRecordNanos = now;
    }

    private void check(int key, byte[] found) {
        if (RecordValue.matches(found, key, versions[key], valueBytes)) {
            checked.incrementAndGet();
        } else {
            wrong.compareAndSet(null, "key " + key + " does not hold its value of version " + versions[key]);
        }
    }

    /** The counts of changes are those of one subtask; with more of them nobody asks. */
    void atBarrier() {
        changedAtBarrier = changed;
        changed = 0;
        barriers++;
        barrierNanos = System.nanoTime();
    }

    long changedBytes() {
        return (long) changedAtBarrier * (KEY_BYTES + valueBytes);
    }

    /** From the barrier until the first record behind it is being processed. */
    double pauseMs() {
        return pauseNanos / 1e6;
    }

    /** Writes every key once. */
    void load() throws Exception {
        burst(RecordFeed.Kind.LOAD, keyCount);
    }

    void burst(RecordFeed.Kind kind, long count) throws Exception {
        feed.begin(kind, count, 0, 0);
        reached(count);
    }

    /** Reads up to count keys, evenly spread, and compares them with the model. Returns how many were read. */
    int check(int count) throws Exception {
        int checks = Math.min(count, keyCount);
        checked.set(0);
        burst(RecordFeed.Kind.CHECK, checks);
        requireRight();
        WrongResultException.check(checked.get() == checks, "only " + checked.get() + " of " + checks + " keys were read");
        return checks;
    }

    void reached(long count) throws Exception {
        await(() -> feed.given() >= count);
    }

    void hold() throws Exception {
        feed.hold();
        await(feed::isTaken);
    }

    /** Takes a checkpoint and waits until it is complete. Returns where it is. */
    File checkpoint() throws Exception {
        CompletableFuture<String> path = cluster.triggerCheckpoint(id);
        return new File(URI.create(path.get(30, TimeUnit.MINUTES)).getPath());
    }

    /** Bytes of everything that a restore of the last checkpoint needs. */
    long restoreBytes() throws Exception {
        CompletedCheckpointStats last =
                cluster.getExecutionGraph(id).get().getCheckpointStatsSnapshot().getHistory().getLatestCompletedCheckpoint();
        return last.getStateSize();
    }

    void cancel() throws Exception {
        cluster.cancelJob(id).get();
        cluster.requestJobResult(id).get();
    }

    private void requireRight() {
        WrongResultException.check(wrong.get() == null, wrong.get());
    }

    /** Waits as long as the job runs. */
    private void await(Condition condition) throws Exception {
        long lookNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
        while (!condition.holds()) {
            LockSupport.parkNanos(50_000);
            if (System.nanoTime() > lookNanos) {
                lookNanos = System.nanoTime() + TimeUnit.SECONDS.toNanos(1);
                if (cluster.getJobStatus(id).get().isTerminalState()) {
                    throw new IllegalStateException("the job ended", failure());
                }
            }
        }
    }

    private Throwable failure() throws Exception {
        return cluster.requestJobResult(id).get().getSerializedThrowable().map(Throwable.class::cast).orElse(null);
    }

    private interface Condition {
        boolean holds();
    }
}
