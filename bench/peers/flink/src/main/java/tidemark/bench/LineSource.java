package tidemark.bench;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import org.apache.flink.streaming.api.functions.source.legacy.SourceFunction;

/** The lines of a UTF-8 file. */
final class LineSource implements SourceFunction<String> {
    private static final long serialVersionUID = 1L;
    private static final int BATCH = 1024;

    private final String path;
    private volatile boolean isRunning = true;

    LineSource(String path) {
        this.path = path;
    }

    @Override
    public void run(SourceContext<String> context) throws IOException {
        try (BufferedReader lines = Files.newBufferedReader(new File(path).toPath(), StandardCharsets.UTF_8)) {
            while (isRunning) {
                // The lock is what barriers wait for: one for each line would be slower.
                synchronized (context.getCheckpointLock()) {
                    for (int i = 0; i < BATCH; i++) {
                        String line = lines.readLine();
                        if (line == null) {
                            return;
                        }
                        context.collect(line);
                    }
                }
            }
        }
    }

    @Override
    public void cancel() {
        isRunning = false;
    }
}
