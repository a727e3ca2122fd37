package tidemark.bench;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.HashMap;
import java.util.Map;

/** Counts the bytes that come into a directory. A file is known by inode and time of birth, so that a renamed one is not new. */
final class DirectoryGrowth {
    private final Path directory;
    private Map<String, Long> sizes = new HashMap<>();

    DirectoryGrowth(Path directory) {
        this.directory = directory;
    }

    /** Bytes that came since the last call. */
    long take() throws IOException {
        Map<String, Long> present = new HashMap<>();
        Files.walkFileTree(directory, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                if (attributes.isRegularFile()) {
                    present.put(attributes.fileKey() + " " + attributes.creationTime(), attributes.size());
                }
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException failure) {
                // Flink deletes what it no longer needs meanwhile.
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(Path visited, IOException failure) {
                return FileVisitResult.CONTINUE;
            }
        });
        long newBytes = 0;
        for (Map.Entry<String, Long> entry : present.entrySet()) {
            newBytes += Math.max(0, entry.getValue() - sizes.getOrDefault(entry.getKey(), 0L));
        }
        sizes = present;
        return newBytes;
    }
}
