package tidemark.bench;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;

/** The list operations. Each list holds one element when an iteration begins. */
final class ListOperations implements Operation {
    /** What an operation does for the indices of a batch. */
    private interface Body {
        long run(ListOperations operations, long from, long to) throws Exception;
    }


    private final AbstractKeyedStateBackend<Long> backend;
    private final TestedBackend tested;
    private final Workload workload;
    private final ListStateDescriptor<Long> descriptor = new ListStateDescriptor<>("list", LongSerializer.INSTANCE);
    private final ListState<Long> state;
    private final List<Long> hundred = new ArrayList<>();
    private final String name;
    private final Body body;

    private ListOperations(String name, Body body, TestedBackend tested, Workload workload) throws Exception {
        this.name = name;
        this.body = body;
        this.tested = tested;
        this.backend = tested.keyed();
        this.workload = workload;
        this.state = tested.state(descriptor);
        for (int i = 0; i < Workload.LIST_ELEMENTS; i++) {
            hundred.add(Workload.addAllValue(i));
        }
    }

    static Operation named(String name, TestedBackend tested, Workload workload) throws Exception {
        Body body = body(name);
        return body == null ? null : new ListOperations(name, body, tested, workload);
    }

    private static Body body(String name) {
        switch (name) {
            case "listUpdate":
                return ListOperations::update;
            case "listAdd":
                return ListOperations::add;
            case "listAppend":
                return ListOperations::append;
            case "listGet":
                return ListOperations::get;
            case "listGetAndIterate":
                return ListOperations::getAndIterate;
            case "listAddAll":
                return ListOperations::addAll;
            default:
                return null;
        }
    }

    private long update(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.update(Collections.singletonList(workload.value(index)));
        }
        return 0;
    }

    private long add(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.newKey(index));
            state.update(Collections.singletonList(workload.value(index)));
        }
        return 0;
    }

    private long append(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.add(workload.value(index));
        }
        return 0;
    }

    private long get(long from, long to) throws Exception {
        long found = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            if (state.get() != null) {
                found++;
            }
        }
        return found;
    }

    private long getAndIterate(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            for (Long element : state.get()) {
                sum += element;
            }
        }
        return sum;
    }

    private long addAll(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.addAll(hundred);
        }
        return 0;
    }

    @Override
    public boolean writes() {
        return !name.startsWith("listGet");
    }

    @Override
    public long indicesPerIteration() {
        return name.equals("listAddAll") ? workload.keyCount : Long.MAX_VALUE;
    }

    @Override
    public void setUp() {}

    @Override
    public void beforeIteration() throws Exception {
        for (long key = 0; key < workload.keyCount; key++) {
            backend.setCurrentKey(key);
            state.add(Workload.setUpValue(key));
        }
        tested.compact(descriptor);
    }

    @Override
    public void afterIteration() throws Exception {
        for (long key = 0; key < 2L * workload.keyCount; key++) {
            backend.setCurrentKey(key);
            state.clear();
        }
        tested.compact(descriptor);
    }

    @Override
    public long run(long from, long to) throws Exception {
        return body.run(this, from, to);
    }

    @Override
    public long expectedSum(long from, long to) {
        switch (name) {
            case "listGet":
                return to - from;
            case "listGetAndIterate":
                long sum = 0;
                for (long index = from; index < to; index++) {
                    sum += Workload.setUpValue(workload.setUpKey(index));
                }
                return sum;
            default:
                return 0;
        }
    }

    @Override
    public long verify(long iterationStart, long end) throws Exception {
        ListDigest expected = expected(iterationStart, end);
        ListDigest found = new ListDigest(2 * workload.keyCount);
        long elements = 0;
        for (int key = 0; key < 2 * workload.keyCount; key++) {
            backend.setCurrentKey((long) key);
            Iterable<Long> list = state.get();
            if (list != null) {
                for (Long element : list) {
                    found.append(key, element);
                    elements++;
                }
            }
            WrongResultException.check(expected.equals(found, key), "the list of key " + key + " differs from what was written");
        }
        return elements;
    }

    private ListDigest expected(long from, long end) {
        ListDigest lists = new ListDigest(2 * workload.keyCount);
        for (int key = 0; key < workload.keyCount; key++) {
            lists.append(key, Workload.setUpValue(key));
        }
        for (long index = from; index < end; index++) {
            int key = (name.equals("listAdd") ? workload.newKey(index) : workload.setUpKey(index)).intValue();
            switch (name) {
                case "listUpdate":
                case "listAdd":
                    lists.clear(key);
                    lists.append(key, workload.value(index));
                    break;
                case "listAppend":
                    lists.append(key, workload.value(index));
                    break;
                case "listAddAll":
                    for (Long element : hundred) {
                        lists.append(key, element);
                    }
                    break;
                default:
            }
        }
        return lists;
    }
}
