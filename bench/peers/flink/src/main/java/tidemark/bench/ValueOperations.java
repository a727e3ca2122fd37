package tidemark.bench;

import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;

/** valueUpdate, valueAdd and valueGet. */
abstract class ValueOperations implements Operation {
    final AbstractKeyedStateBackend<Long> backend;
    final Workload workload;
    final ValueState<Long> state;

    ValueOperations(TestedBackend tested, Workload workload) throws Exception {
        this.backend = tested.keyed();
        this.workload = workload;
        this.state = tested.state(new ValueStateDescriptor<>("value", LongSerializer.INSTANCE));
    }

    static Operation named(String name, TestedBackend tested, Workload workload) throws Exception {
        switch (name) {
            case "valueUpdate":
                return new Update(tested, workload);
            case "valueAdd":
                return new Add(tested, workload);
            case "valueGet":
                return new Get(tested, workload);
            default:
                return null;
        }
    }

    @Override
    public void setUp() throws Exception {
        for (long key = 0; key < workload.keyCount; key++) {
            backend.setCurrentKey(key);
            state.update(Workload.setUpValue(key));
        }
    }

    /** Writes what run() writes into a plain array, for keys from 0 to twice the key count. */
    void replay(Long[] contents, long end) {}

    @Override
    public long verify(long iterationStart, long end) throws Exception {
        Long[] expected = new Long[2 * workload.keyCount];
        for (int key = 0; key < workload.keyCount; key++) {
            expected[key] = Workload.setUpValue(key);
        }
        replay(expected, end);
        for (int key = 0; key < expected.length; key++) {
            backend.setCurrentKey((long) key);
            Long found = state.value();
            WrongResultException.check(
                    expected[key] == null ? found == null : expected[key].equals(found),
                    "key " + key + " holds " + found + " instead of " + expected[key]);
        }
        return expected.length;
    }

    private static final class Update extends ValueOperations {
        Update(TestedBackend tested, Workload workload) throws Exception {
            super(tested, workload);
        }

        @Override
        public boolean writes() {
            return true;
        }

        @Override
        public long run(long from, long to) throws Exception {
            for (long index = from; index < to; index++) {
                backend.setCurrentKey(workload.setUpKey(index));
                state.update(workload.value(index));
            }
            return 0;
        }

        @Override
        void replay(Long[] contents, long end) {
            for (long index = 0; index < end; index++) {
                contents[workload.setUpKey(index).intValue()] = workload.value(index);
            }
        }
    }

    private static final class Add extends ValueOperations {
        Add(TestedBackend tested, Workload workload) throws Exception {
            super(tested, workload);
        }

        @Override
        public boolean writes() {
            return true;
        }

        @Override
        public long run(long from, long to) throws Exception {
            for (long index = from; index < to; index++) {
                backend.setCurrentKey(workload.newKey(index));
                state.update(workload.value(index));
            }
            return 0;
        }

        @Override
        void replay(Long[] contents, long end) {
            for (long index = 0; index < end; index++) {
                contents[workload.newKey(index).intValue()] = workload.value(index);
            }
        }
    }

    private static final class Get extends ValueOperations {
        Get(TestedBackend tested, Workload workload) throws Exception {
            super(tested, workload);
        }

        @Override
        public boolean writes() {
            return false;
        }

        @Override
        public long run(long from, long to) throws Exception {
            long sum = 0;
            for (long index = from; index < to; index++) {
                backend.setCurrentKey(workload.setUpKey(index));
                sum += state.value();
            }
            return sum;
        }

        @Override
        public long expectedSum(long from, long to) {
            long sum = 0;
            for (long index = from; index < to; index++) {
                sum += Workload.setUpValue(workload.setUpKey(index));
            }
            return sum;
        }
    }
}
