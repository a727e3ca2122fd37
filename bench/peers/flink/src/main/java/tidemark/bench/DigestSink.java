package tidemark.bench;

import java.io.Serializable;
import org.apache.flink.streaming.api.functions.sink.legacy.SinkFunction;

/**
 * Digests every result and keeps none. Its task runs in this process, one job at a time: what came out is in static fields. Takes the time
 * of the first result and that of the end of the input, which reaches it right behind the last one.
 */
final class DigestSink<T> implements SinkFunction<T> {
    private static final long serialVersionUID = 1L;

    private static volatile ResultDigest digest;
    private static volatile long startNanos;
    private static volatile long endNanos;

    private final Take<T> take;
    private transient ResultDigest own;

    DigestSink(Take<T> take) {
        this.take = take;
    }

    static ResultDigest digest() {
        return digest == null ? new ResultDigest() : digest;
    }

    static long durationNanos() {
        return endNanos - startNanos;
    }

    @Override
    public void invoke(T result, Context context) {
        if (own == null) {
            own = new ResultDigest();
            startNanos = System.nanoTime();
        }
        take.take(own, result);
    }

    @Override
    public void finish() {
        endNanos = System.nanoTime();
        digest = own;
    }

    /** Gives a result to a digest. */
    interface Take<T> extends Serializable {
        void take(ResultDigest digest, T result);
    }
}
