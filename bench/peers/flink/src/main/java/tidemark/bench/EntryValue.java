package tidemark.bench;

import java.util.Arrays;

/** Values of 100 bytes, byte for byte as on the other side: a counter of four bytes, and bytes that do not compress. */
final class EntryValue {
    private static final int BYTES = 100;
    private static final int COUNTER_BYTES = 4;
    private static final int FILL_BYTES = 65_536;
    private static final byte[] FILL = RecordValue.of(0, 0, FILL_BYTES + BYTES);

    private EntryValue() {}

    /** What an entry holds; place tells entries apart. */
    static byte[] of(int place, int counter) {
        int from = fillStart(place);
        byte[] value = Arrays.copyOfRange(FILL, from, from + BYTES);
        setCounter(value, counter);
        return value;
    }

    /** What a place holds before the first operation. */
    static int setUpCounter(int place) {
        return place % 1000 + 1;
    }

    static int counter(byte[] value) {
        WrongResultException.check(value != null && value.length == BYTES, "an entry has no value of 100 bytes");
        return (value[0] & 0xff) | (value[1] & 0xff) << 8 | (value[2] & 0xff) << 16 | (value[3] & 0xff) << 24;
    }

    static void setCounter(byte[] value, int counter) {
        value[0] = (byte) counter;
        value[1] = (byte) (counter >>> 8);
        value[2] = (byte) (counter >>> 16);
        value[3] = (byte) (counter >>> 24);
    }

    static boolean matches(byte[] found, int place, int counter) {
        int from = fillStart(place);
        return found != null && found.length == BYTES && counter(found) == counter
                && Arrays.equals(found, COUNTER_BYTES, BYTES, FILL, from + COUNTER_BYTES, from + BYTES);
    }

    private static int fillStart(int place) {
        return (place * 97) & (FILL_BYTES - 1);
    }
}
