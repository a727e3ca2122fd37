package tidemark.bench;

import java.io.File;

/**
 * Restores after a full checkpoint and a number of incremental ones, in a cluster that is up: from the submission of the job until every
 * subtask has processed a record, which reads its key. The parallelism before and after may differ.
 */
final class Restores {
    private final Settings settings;
    private final int parallelismBefore;
    private final int parallelismAfter;

    Restores(Settings settings, int parallelismBefore, int parallelismAfter) {
        this.settings = settings;
        this.parallelismBefore = parallelismBefore;
        this.parallelismAfter = parallelismAfter;
    }

    /** For the cases of the question rescale. */
    static Restores rescaled(Settings settings) {
        switch (settings.text("case")) {
            case "1to2":
                return new Restores(settings, 1, 2);
            case "2to1":
                return new Restores(settings, 2, 1);
            default:
                throw new IllegalArgumentException("unknown case: " + settings.text("case"));
        }
    }

    void run() throws Exception {
        try (LocalCluster local = new LocalCluster(settings, Math.max(parallelismBefore, parallelismAfter))) {
            CheckpointedJob job = new CheckpointedJob(local, settings, parallelismBefore, null);
            job.start(null);
            job.load();
            System.out.printf("{\"build\":\"%s\"}%n", local.build());
            File last = job.checkpoint();
            for (int delta = 0; delta < settings.number("deltas"); delta++) {
                job.burst(RecordFeed.Kind.UPDATE, settings.number("recordsPerRound"));
                last = job.checkpoint();
            }
            System.out.printf("{\"stateBytes\":%d,\"restoreBytes\":%d}%n", job.stateBytes(), job.restoreBytes());
            job.cancel();
            SeededRandom random = new SeededRandom(settings.number("seed") + 1);
            int restores = settings.number("restores");
            for (int restore = 1; restore <= restores; restore++) {
                CheckpointedJob restored = new CheckpointedJob(local, settings, parallelismAfter, job);
                double firstRecordMs = restored.restore(last, random.below(settings.number("keys")));
                System.out.printf("{\"firstRecordMs\":%s}%n", firstRecordMs);
                if (restore == restores) {
                    System.out.printf("{\"checked\":%d}%n", restored.check(settings.number("checks")));
                }
                restored.cancel();
            }
        }
    }
}
