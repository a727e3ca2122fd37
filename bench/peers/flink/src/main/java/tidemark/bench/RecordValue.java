package tidemark.bench;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** The value that a key holds at a version, byte for byte as on the other side (xorshift32): it does not compress. */
final class RecordValue {
    private static final VarHandle WORDS = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private RecordValue() {}

    static byte[] of(int key, int version, int sizeBytes) {
        byte[] value = new byte[sizeBytes];
        int state = (((key + 1) * 0x9e3779b1) ^ ((version + 1) * 0x85ebca6b)) | 1;
        int words = sizeBytes >>> 2;
        for (int word = 0; word < words; word++) {
            state ^= state << 13;
            state ^= state >>> 17;
            state ^= state << 5;
            WORDS.set(value, word << 2, state);
        }
        for (int at = words << 2; at < sizeBytes; at++) {
            value[at] = (byte) (state >>> ((at & 3) << 3));
        }
        return value;
    }

    static boolean matches(byte[] found, int key, int version, int sizeBytes) {
        return found != null && Arrays.equals(found, of(key, version, sizeBytes));
    }
}
