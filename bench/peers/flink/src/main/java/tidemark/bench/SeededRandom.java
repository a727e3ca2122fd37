package tidemark.bench;

/** The generator of the other side (mulberry32), so that both see the same keys in the same order. */
final class SeededRandom {
    private int state;

    SeededRandom(int seed) {
        state = seed;
    }

    int below(int bound) {
        state += 0x6d2b79f5;
        int mixed = (state ^ (state >>> 15)) * (1 | state);
        mixed = (mixed + (mixed ^ (mixed >>> 7)) * (61 | mixed)) ^ mixed;
        return Integer.remainderUnsigned(mixed ^ (mixed >>> 14), bound);
    }

    /** The whole numbers from first to first + count - 1 in random order. */
    Long[] shuffled(int count, int first) {
        Long[] numbers = new Long[count];
        for (int i = 0; i < count; i++) {
            numbers[i] = (long) (first + i);
        }
        for (int i = count - 1; i > 0; i--) {
            int other = below(i + 1);
            Long swapped = numbers[i];
            numbers[i] = numbers[other];
            numbers[other] = swapped;
        }
        return numbers;
    }
}
