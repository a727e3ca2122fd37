package tidemark.bench;

import java.io.BufferedReader;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.JobExecutionResult;
import org.apache.flink.api.common.JobID;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.runtime.checkpoint.CheckpointStatsSnapshot;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Runs a whole job once, from its first record to its last, and compares all of its results with those of a plain program. */
final class Jobs {
    private final Settings settings;
    private final boolean isCheckpointed;
    private final ResultDigest expected = new ResultDigest();

    Jobs(Settings settings) {
        this.settings = settings;
        isCheckpointed = settings.text("case").endsWith("-checkpointed");
    }

    void run() throws Exception {
        int intervalMs = isCheckpointed ? settings.number("checkpointIntervalMs") : 0;
        try (LocalCluster local = new LocalCluster(settings, 1)) {
            StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment(local.configuration);
            environment.setParallelism(1);
            environment.getConfig().enableObjectReuse();
            if (isCheckpointed) {
                environment.enableCheckpointing(intervalMs);
            }
            boolean isSum = settings.text("case").startsWith("sum-");
            if (isSum) {
                sum(environment);
            } else {
                words(environment);
            }
            System.out.printf("{\"build\":\"%s\"}%n", local.build());
            JobID id = local.cluster.submitJob(environment.getStreamGraph().getJobGraph()).get().getJobID();
            JobExecutionResult result = local.cluster.requestJobResult(id).get().toJobExecutionResult(getClass().getClassLoader());
            double durationMs = DigestSink.durationNanos() / 1e6;
            if (isSum) {
                expectSums();
            } else {
                expectCounts();
            }
            ResultDigest found = DigestSink.digest();
            WrongResultException.check(
                    expected.count() > 0 && found.equals(expected), "the job gave " + found + "; it must give " + expected);
            CheckpointStatsSnapshot checkpoints = local.cluster.getExecutionGraph(id).get().getCheckpointStatsSnapshot();
            long taken = checkpoints == null ? 0 : checkpoints.getCounts().getNumberOfCompletedCheckpoints();
            WrongResultException.check(
                    !isCheckpointed || taken > 0 || durationMs <= 3 * intervalMs, "no checkpoint was completed in " + durationMs + " ms");
            System.out.printf(
                    "{\"results\":%d,\"durationMs\":%s,\"checkpoints\":%d,\"digest\":%d,\"netMs\":%d}%n",
                    found.count(), durationMs, taken, found.sum(), result.getNetRuntime());
            System.out.printf("{\"checked\":%d}%n", found.count());
        }
    }

    private void sum(StreamExecutionEnvironment environment) {
        TypeInformation<Tuple2<Long, Long>> type = Types.TUPLE(Types.LONG, Types.LONG);
        DataStream<Tuple2<Long, Long>> records =
                environment.addSource(new SumSource(settings.number("records"), settings.number("keys"), settings.number("seed")), type);
        records.keyBy(record -> record.f0, Types.LONG)
                .process(new RunningSum())
                .returns(type)
                .addSink(new DigestSink<>((digest, total) -> digest.add(total.f0.intValue(), total.f1.intValue())));
    }

    private void expectSums() {
        int keyCount = settings.number("keys");
        long[] sums = new long[keyCount];
        int records = settings.number("records");
        int seed = settings.number("seed");
        for (int index = 0; index < records; index++) {
            int key = SumSource.key(index, seed, keyCount);
            sums[key] += SumSource.value(index);
            expected.add(key, (int) sums[key]);
        }
    }

    private void words(StreamExecutionEnvironment environment) {
        environment.addSource(new LineSource(settings.text("textFile")), Types.STRING)
                .flatMap(new Words())
                .returns(Types.STRING)
                .keyBy(word -> word, Types.STRING)
                .process(new WordCount())
                .returns(Types.TUPLE(Types.STRING, Types.LONG))
                .addSink(new DigestSink<>((digest, count) -> digest.add(count.f0.length(), count.f1.intValue())));
    }

    private void expectCounts() throws Exception {
        Map<String, Integer> counts = new HashMap<>();
        try (BufferedReader lines = Files.newBufferedReader(new File(settings.text("textFile")).toPath(), StandardCharsets.UTF_8)) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                Words.each(line, word -> expected.add(word.length(), counts.merge(word, 1, Integer::sum)));
            }
        }
    }
}
