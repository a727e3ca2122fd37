package tidemark.bench;

import java.util.stream.IntStream;

/** Keys and values of all operations, boxed beforehand; the operation at index i uses the i-th of each, wrapping around. */
final class Workload {
    static final int MAP_ENTRIES = 10;
    static final int LIST_ELEMENTS = 100;

    final int keyCount;
    private final int checks;
    private final Long[] setUpKeys;
    private final Long[] newKeys;
    private final Long[] values;
    private final Long[] mapKeys;

    /** checks bounds checkedKeys(). */
    Workload(int keyCount, int seed, int checks) {
        this.keyCount = keyCount;
        this.checks = checks;
        SeededRandom random = new SeededRandom(seed);
        setUpKeys = random.shuffled(keyCount, 0);
        newKeys = random.shuffled(keyCount, keyCount);
        values = random.shuffled(2 * keyCount, 0);
        mapKeys = random.shuffled(MAP_ENTRIES, 0);
    }

    Long setUpKey(long index) {
        return setUpKeys[(int) (index % keyCount)];
    }

    Long newKey(long index) {
        return newKeys[(int) (index % keyCount)];
    }

    /** Keys to read back where reading all would take longer than what is measured: of 0 to count - 1, evenly spread. */
    int[] checkedKeys(int count) {
        int checked = Math.min(count, checks);
        return IntStream.range(0, checked).map(index -> (int) ((long) index * count / checked)).toArray();
    }

    Long value(long index) {
        return values[(int) (index % values.length)];
    }

    Long mapKey(long index) {
        return mapKeys[(int) (index % MAP_ENTRIES)];
    }

    /** What a key holds before the first operation. */
    static long setUpValue(long key) {
        return key * 7 + 1;
    }

    static long setUpMapValue(long key, long mapKey) {
        return key * 7 + mapKey;
    }

    /** The value that putAll gives a map key. */
    static long putAllValue(long mapKey) {
        return mapKey * 11 + 3;
    }

    /** The element that addAll adds at a position. */
    static long addAllValue(int position) {
        return position * 13L + 5;
    }
}
