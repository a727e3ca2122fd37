package tidemark.bench;

import java.io.File;
import java.util.ArrayList;
import java.util.List;

/**
 * Checkpoints of a job whose records come at a pace: pauses, durations, gaps between records and bytes, then the same windows without
 * checkpoints, then a restore of the last checkpoint that is compared with the model.
 */
final class Checkpoints {
    private final Settings settings;
    private CheckpointedJob job;
    private DirectoryGrowth growth;

    Checkpoints(Settings settings) {
        this.settings = settings;
    }

    void run() throws Exception {
        try (LocalCluster local = new LocalCluster(settings, 1)) {
            growth = new DirectoryGrowth(local.checkpoints.toPath());
            job = new CheckpointedJob(local, settings, 1, null);
            job.start(null);
            job.load();
            System.out.printf("{\"build\":\"%s\"}%n", local.build());
            job.feed.begin(RecordFeed.Kind.UPDATE, Long.MAX_VALUE, settings.number("recordsPerSecond"), 0);
            idle(rounds());
            job.hold();
            File last = job.checkpoint();
            job.cancel();
            CheckpointedJob restored = new CheckpointedJob(local, settings, 1, job);
            restored.start(last);
            System.out.printf("{\"checked\":%d}%n", restored.check(settings.number("checks")));
            restored.cancel();
        }
    }

    private List<Double> rounds() throws Exception {
        int recordsPerRound = settings.number("recordsPerRound");
        int rounds = settings.number("rounds");
        long firstStart = System.nanoTime();
        job.checkpoint();
        double firstMs = (System.nanoTime() - firstStart) / 1e6;
        long uploaded = growth.take();
        System.out.printf(
                "{\"firstUploadedBytes\":%d,\"firstPauseMs\":%s,\"firstDurationMs\":%s,\"stateBytes\":%d}%n",
                uploaded, job.pauseMs(), firstMs, job.stateBytes());
        // Values do not compress, so checkpoints that have fewer bytes than were changed do not hold them.
        WrongResultException.check(uploaded >= job.stateBytes(), "the first checkpoint has fewer bytes than the state");
        long allUploaded = uploaded;
        long allChanged = job.changedBytes();
        List<Double> windowsMs = new ArrayList<>();
        long startedAt = job.feed.given();
        for (int round = 1 - settings.number("warmUpRounds"); round <= rounds; round++) {
            // From one barrier to the next; at once when the checkpoint before took longer than that.
            job.reached(startedAt + recordsPerRound);
            startedAt = job.feed.given();
            if (round == 1) {
                job.gaps.reset();
            }
            job.gaps.open();
            long start = System.nanoTime();
            job.checkpoint();
            double durationMs = (System.nanoTime() - start) / 1e6;
            double gapMs = job.gaps.close().get();
            uploaded = growth.take();
            allUploaded += uploaded;
            allChanged += job.changedBytes();
            WrongResultException.check(allUploaded >= allChanged, "the checkpoints have fewer bytes than were changed");
            if (round >= 1) {
                windowsMs.add(durationMs);
                System.out.printf(
                        "{\"round\":%d,\"pauseMs\":%s,\"durationMs\":%s,\"gapMs\":%s,\"uploadedBytes\":%d,\"changedBytes\":%d,"
                                + "\"restoreBytes\":%d}%n",
                        round, job.pauseMs(), durationMs, gapMs, uploaded, job.changedBytes(), job.restoreBytes());
            }
        }
        System.out.printf("{\"gapP999Ms\":%s}%n", job.gaps.percentileMs(0.999));
        return windowsMs;
    }

    /** The same windows without checkpoints. In place of a pause: how long a thread is away that gives way once. */
    private void idle(List<Double> windowsMs) throws Exception {
        int recordsPerRound = settings.number("recordsPerRound");
        int recordsPerSecond = settings.number("recordsPerSecond");
        job.gaps.reset();
        for (double windowMs : windowsMs) {
            job.reached(job.feed.given() + recordsPerRound);
            job.gaps.open();
            long start = System.nanoTime();
            Thread.yield();
            double idlePauseMs = (System.nanoTime() - start) / 1e6;
            job.reached(job.feed.given() + (long) Math.ceil(windowMs * recordsPerSecond / 1000));
            System.out.printf("{\"idlePauseMs\":%s,\"idleGapMs\":%s}%n", idlePauseMs, job.gaps.close().get());
        }
        System.out.printf("{\"idleGapP999Ms\":%s}%n", job.gaps.percentileMs(0.999));
    }
}
