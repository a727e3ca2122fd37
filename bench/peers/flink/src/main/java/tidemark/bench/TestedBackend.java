package tidemark.bench;

import java.io.File;
import java.util.Collections;
import java.util.concurrent.RunnableFuture;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.state.State;
import org.apache.flink.api.common.state.StateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.core.fs.CloseableRegistry;
import org.apache.flink.core.fs.Path;
import org.apache.flink.core.fs.local.LocalFileSystem;
import org.apache.flink.metrics.groups.UnregisteredMetricsGroup;
import org.apache.flink.runtime.checkpoint.CheckpointOptions;
import org.apache.flink.runtime.operators.testutils.MockEnvironment;
import org.apache.flink.runtime.operators.testutils.MockEnvironmentBuilder;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyedStateBackendParametersImpl;
import org.apache.flink.runtime.state.KeyedStateHandle;
import org.apache.flink.runtime.state.SnapshotResult;
import org.apache.flink.runtime.state.StateBackend;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.runtime.state.filesystem.FsCheckpointStreamFactory;
import org.apache.flink.runtime.state.hashmap.HashMapStateBackend;
import org.apache.flink.runtime.state.ttl.TtlTimeProvider;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.runtime.util.TestingTaskManagerRuntimeInfo;
import org.apache.flink.state.rocksdb.EmbeddedRocksDBStateBackend;
import org.apache.flink.state.rocksdb.RocksDBKeyedStateBackend;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.apache.flink.util.FileUtils;
import org.rocksdb.RocksDB;

/** The keyed state of one task, made by the state backend a user would configure, with checkpoints in a local directory. */
final class TestedBackend implements AutoCloseable {
    /** As in Flink's own state benchmarks. */
    private static final int KEY_GROUPS = 2;

    /** Flink's defaults of execution.checkpointing.data-inline-threshold and .write-buffer-size. */
    private static final int INLINE_THRESHOLD_BYTES = 20 * 1024;
    private static final int WRITE_BUFFER_BYTES = 4096;

    private final File checkpoints;
    private final MockEnvironment environment;
    private final AbstractKeyedStateBackend<Long> keyed;
    private long checkpointId;

    /**
     * budgetBytes is the managed memory of RocksDB; 0 leaves RocksDB's write buffers and block cache at their defaults. With so little
     * memory that the index of a file is larger than a shard of the cache, isIndexPartitioned is what a Flink user would set.
     */
    TestedBackend(String name, File directory, long budgetBytes, boolean isIndexPartitioned) throws Exception {
        checkpoints = new File(directory, "checkpoints");
        File working = new File(directory, "working");
        if (!checkpoints.mkdirs() || !working.mkdirs()) {
            throw new IllegalArgumentException("cannot create directories in " + directory);
        }
        environment = new MockEnvironmentBuilder()
                .setTaskManagerRuntimeInfo(new TestingTaskManagerRuntimeInfo(new Configuration(), working))
                .setManagedMemorySize(Math.max(budgetBytes, 1 << 20))
                .setMaxParallelism(KEY_GROUPS)
                .build();
        keyed = open(name, budgetBytes, isIndexPartitioned);
    }

    private AbstractKeyedStateBackend<Long> open(String name, long budgetBytes, boolean isIndexPartitioned) throws Exception {
        KeyedStateBackendParametersImpl<Long> parameters = new KeyedStateBackendParametersImpl<>(
                environment,
                new JobID(),
                "operator",
                LongSerializer.INSTANCE,
                KEY_GROUPS,
                KeyGroupRange.of(0, KEY_GROUPS - 1),
                environment.getTaskKvStateRegistry(),
                TtlTimeProvider.DEFAULT,
                new UnregisteredMetricsGroup(),
                (ignoredName, ignoredValue) -> {},
                Collections.emptyList(),
                new CloseableRegistry(),
                1.0);
        return (AbstractKeyedStateBackend<Long>) stateBackend(name, budgetBytes, isIndexPartitioned).createKeyedStateBackend(parameters);
    }

    private StateBackend stateBackend(String name, long budgetBytes, boolean isIndexPartitioned) {
        switch (name) {
            case "flink-hashmap":
                return new HashMapStateBackend();
            case "flink-rocksdb":
                Configuration configuration = new Configuration();
                configuration.set(RocksDBOptions.USE_MANAGED_MEMORY, budgetBytes > 0);
                configuration.set(RocksDBOptions.USE_PARTITIONED_INDEX_FILTERS, isIndexPartitioned);
                return new EmbeddedRocksDBStateBackend(true).configure(configuration, getClass().getClassLoader());
            default:
                throw new IllegalArgumentException("unknown system: " + name);
        }
    }

    /** What was measured, for the rows of the result. */
    String build() {
        String build = "flink " + EnvironmentInformation.getVersion() + ", java " + System.getProperty("java.version");
        return keyed instanceof RocksDBKeyedStateBackend ? build + ", frocksdb " + RocksDB.rocksdbVersion() : build;
    }

    AbstractKeyedStateBackend<Long> keyed() {
        return keyed;
    }

    <S extends State> S state(StateDescriptor<S, ?> descriptor) throws Exception {
        return keyed.getPartitionedState(VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, descriptor);
    }

    /** Takes a snapshot and waits until its files are written. */
    void snapshot() throws Exception {
        checkpointId++;
        Path own = directoryOf(checkpointId);
        Path shared = new Path(checkpoints.getPath(), "shared");
        LocalFileSystem fileSystem = LocalFileSystem.getSharedInstance();
        fileSystem.mkdirs(own);
        fileSystem.mkdirs(shared);
        RunnableFuture<SnapshotResult<KeyedStateHandle>> snapshot = keyed.snapshot(
                checkpointId,
                System.currentTimeMillis(),
                new FsCheckpointStreamFactory(fileSystem, own, shared, INLINE_THRESHOLD_BYTES, WRITE_BUFFER_BYTES),
                CheckpointOptions.forCheckpointWithDefaultLocation());
        snapshot.run();
        WrongResultException.check(snapshot.get().getStateSize() > 0, "the snapshot is empty");
    }

    /** Announces the last snapshot and removes the one before; only what is shared by incremental checkpoints stays. */
    void completeSnapshot() throws Exception {
        keyed.notifyCheckpointComplete(checkpointId);
        if (checkpointId > 1) {
            FileUtils.deleteDirectory(new File(directoryOf(checkpointId - 1).getPath()));
        }
    }

    private Path directoryOf(long id) {
        return new Path(checkpoints.getPath(), "chk-" + id);
    }

    /** Leaves one file per state in RocksDB, as Flink's own benchmarks do before they measure lists; a garbage collection on the heap. */
    void compact(StateDescriptor<?, ?> descriptor) throws Exception {
        if (keyed instanceof RocksDBKeyedStateBackend) {
            ((RocksDBKeyedStateBackend<Long>) keyed).compactState(descriptor);
        } else {
            System.gc();
        }
    }

    @Override
    public void close() throws Exception {
        keyed.close();
        keyed.dispose();
        environment.close();
    }
}
