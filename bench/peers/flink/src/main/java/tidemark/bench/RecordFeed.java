package tidemark.bench;

import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * What the sources of the job in this process give, steered by the main thread: a burst as fast as the job takes it, a pace kept by the
 * clock, or nothing. Every source makes the same records and gives those whose key it owns.
 */
final class RecordFeed {
    enum Kind {
        LOAD,
        UPDATE,
        CHECK
    }

    /** Records to give; recordsPerSecond 0 is as fast as possible. A CHECK spreads its records evenly over all keys, from firstKey on. */
    record Order(int number, Kind kind, long count, int recordsPerSecond, int firstKey, long startNanos) {}

    private record Progress(int number, long given) {}

    final int keyCount;
    final int parallelism;
    private final SeededRandom[] randoms;
    private final AtomicReferenceArray<Progress> progress;
    private volatile Order order = new Order(0, Kind.LOAD, 0, 0, 0, 0);

    RecordFeed(int keyCount, int parallelism, int seed) {
        this.keyCount = keyCount;
        this.parallelism = parallelism;
        randoms = new SeededRandom[parallelism];
        progress = new AtomicReferenceArray<>(parallelism);
        for (int subtask = 0; subtask < parallelism; subtask++) {
            randoms[subtask] = new SeededRandom(seed);
            progress.set(subtask, new Progress(0, 0));
        }
    }

    void begin(Kind kind, long count, int recordsPerSecond, int firstKey) {
        order = new Order(order.number() + 1, kind, count, recordsPerSecond, firstKey, System.nanoTime());
    }

    /** Gives nothing more. Done once every source has taken notice. */
    void hold() {
        begin(Kind.LOAD, 0, 0, 0);
    }

    /** Whether every source is at the current order: what it gave before is processed. */
    boolean isTaken() {
        int number = order.number();
        for (int subtask = 0; subtask < parallelism; subtask++) {
            if (progress.get(subtask).number() != number) {
                return false;
            }
        }
        return true;
    }

    Order order() {
        return order;
    }

    /** The next random key; every source draws the same ones. */
    int randomKey(int subtask) {
        return randoms[subtask].below(keyCount);
    }

    /** Called by a source behind records that the job has processed. */
    void report(int subtask, int number, long given) {
        progress.set(subtask, new Progress(number, given));
    }

    /** Records of the current order that every source has made and seen processed. */
    long given() {
        int number = order.number();
        long least = Long.MAX_VALUE;
        for (int subtask = 0; subtask < parallelism; subtask++) {
            Progress own = progress.get(subtask);
            least = Math.min(least, own.number() == number ? own.given() : 0);
        }
        return least;
    }
}
