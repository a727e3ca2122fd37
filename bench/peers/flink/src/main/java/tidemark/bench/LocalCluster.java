package tidemark.bench;

import java.io.File;
import org.apache.flink.changelog.fs.FsStateChangelogOptions;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.CoreOptions;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.configuration.StateChangelogOptions;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.runtime.util.EnvironmentInformation;
import org.apache.flink.state.rocksdb.RocksDBOptions;
import org.rocksdb.RocksDB;

/**
 * A Flink cluster in this process: one task manager, checkpoints and databases in local directories, the same memory for RocksDB in each
 * slot as the other side's budget, incremental checkpoints wherever the backend can.
 */
final class LocalCluster implements AutoCloseable {
    final MiniCluster cluster;
    /** Of the cluster and of its jobs. */
    final Configuration configuration = new Configuration();
    final File checkpoints;
    private final String system;

    LocalCluster(Settings settings, int slots) throws Exception {
        system = settings.text("system");
        File directory = new File(settings.text("directory"));
        checkpoints = new File(directory, "checkpoints");
        File working = new File(directory, "working");
        if (!checkpoints.mkdirs() || !working.mkdirs()) {
            throw new IllegalArgumentException("cannot create directories in " + directory);
        }
        configuration.set(StateBackendOptions.STATE_BACKEND, system.equals("flink-hashmap") ? "hashmap" : "rocksdb");
        configuration.set(CheckpointingOptions.INCREMENTAL_CHECKPOINTS, true);
        configuration.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        configuration.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, checkpoints.toURI().toString());
        configuration.set(CheckpointingOptions.MAX_RETAINED_CHECKPOINTS, 1);
        configuration.set(
                CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION, ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
        configuration.set(RocksDBOptions.LOCAL_DIRECTORIES, new File(working, "rocksdb").getPath());
        configuration.set(CoreOptions.TMP_DIRS, working.getPath());
        configuration.set(TaskManagerOptions.MANAGED_MEMORY_SIZE, new MemorySize(slots * settings.longNumber("budgetBytes")));
        configuration.set(RestartStrategyOptions.RESTART_STRATEGY, "none");
        configuration.set(RestOptions.BIND_PORT, "0");
        if (system.equals("flink-changelog")) {
            configuration.set(StateChangelogOptions.ENABLE_STATE_CHANGE_LOG, true);
            configuration.set(StateChangelogOptions.STATE_CHANGE_LOG_STORAGE, "filesystem");
            configuration.set(FsStateChangelogOptions.BASE_PATH, new File(checkpoints, "changelog").toURI().toString());
        }
        cluster = new MiniCluster(new MiniClusterConfiguration.Builder()
                .setConfiguration(configuration)
                .setNumTaskManagers(1)
                .setNumSlotsPerTaskManager(slots)
                .build());
        cluster.start();
    }

    /** What is measured, for the rows of the result. */
    String build() {
        String build = "flink " + EnvironmentInformation.getVersion() + ", java " + System.getProperty("java.version");
        if (system.equals("flink-hashmap")) {
            return build;
        }
        return build + ", frocksdb " + RocksDB.rocksdbVersion();
    }

    @Override
    public void close() throws Exception {
        cluster.close();
    }
}
