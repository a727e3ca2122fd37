package tidemark.bench;

/** Length and order-sensitive hash of many lists: enough to compare lists too large to keep twice. */
final class ListDigest {
    private final int[] lengths;
    private final long[] hashes;

    ListDigest(int lists) {
        lengths = new int[lists];
        hashes = new long[lists];
    }

    void clear(int list) {
        lengths[list] = 0;
        hashes[list] = 0;
    }

    void append(int list, long element) {
        lengths[list]++;
        hashes[list] = hashes[list] * 31 + element;
    }

    boolean equals(ListDigest other, int list) {
        return lengths[list] == other.lengths[list] && hashes[list] == other.hashes[list];
    }
}
