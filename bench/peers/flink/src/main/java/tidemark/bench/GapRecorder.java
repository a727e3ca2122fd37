package tidemark.bench;

import java.util.Arrays;
import java.util.concurrent.CompletableFuture;

/** Times between two processed records, as long as a window is open. A gap that reaches into a window counts with all of its length. */
final class GapRecorder {
    /** Classes of the histogram are 0.01 ms wide. */
    private static final long CLASS_NANOS = 10_000;

    private final int[] classes = new int[1_000_001];
    private long gaps;
    private long lastNanos = -1;
    private long longestNanos;
    private boolean isOpen;
    private CompletableFuture<Double> closing;

    synchronized void record(long nowNanos) {
        long gap = nowNanos - lastNanos;
        boolean isFirst = lastNanos < 0;
        lastNanos = nowNanos;
        if (!isOpen || isFirst) {
            return;
        }
        gaps++;
        classes[(int) Math.min(classes.length - 1, gap / CLASS_NANOS)]++;
        longestNanos = Math.max(longestNanos, gap);
        if (closing != null) {
            isOpen = false;
            closing.complete(longestNanos / 1e6);
            closing = null;
        }
    }

    synchronized void open() {
        isOpen = true;
        longestNanos = 0;
    }

    /** Closes the window behind the next record; completes with its longest gap in milliseconds. */
    synchronized CompletableFuture<Double> close() {
        closing = new CompletableFuture<>();
        return closing;
    }

    /** The gap in milliseconds that a fraction of all gaps in windows since reset() do not exceed, to 0.01 ms. */
    synchronized double percentileMs(double fraction) {
        long wanted = (long) Math.ceil(gaps * fraction);
        if (wanted < 1) {
            throw new IllegalStateException("no gap was recorded");
        }
        long seen = 0;
        int gapClass = 0;
        for (; gapClass < classes.length - 1; gapClass++) {
            seen += classes[gapClass];
            if (seen >= wanted) {
                break;
            }
        }
        return (gapClass + 1) * (CLASS_NANOS / 1e6);
    }

    synchronized void reset() {
        Arrays.fill(classes, 0);
        gaps = 0;
    }
}
