package tidemark.bench;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.api.common.typeutils.base.array.BytePrimitiveArraySerializer;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;

/** Operations on a state of values of 100 bytes, far larger than the memory for it: one value a key, or ten in a list or map. */
final class LargeOperations implements Operation {
    /** What an operation does for one index; gives what it read. */
    private interface Body {
        long run(int key, long index) throws Exception;
    }

    private final AbstractKeyedStateBackend<Long> backend;
    private final Workload workload;
    private final String name;
    private final int entriesPerKey;
    private final Body body;
    private final ValueState<byte[]> value;
    private final ListState<byte[]> list;
    private final MapState<Long, byte[]> map;

    private LargeOperations(String name, TestedBackend tested, Workload workload) throws Exception {
        this.name = name;
        this.workload = workload;
        backend = tested.keyed();
        BytePrimitiveArraySerializer bytes = BytePrimitiveArraySerializer.INSTANCE;
        boolean isList = name.startsWith("list");
        boolean isMap = name.startsWith("map");
        value = isList || isMap ? null : tested.state(new ValueStateDescriptor<>("value", bytes));
        list = isList ? tested.state(new ListStateDescriptor<>("list", bytes)) : null;
        map = isMap ? tested.state(new MapStateDescriptor<>("map", LongSerializer.INSTANCE, bytes)) : null;
        entriesPerKey = value == null ? Workload.MAP_ENTRIES : 1;
        body = body();
    }

    /** The operation of that name; null for another name. */
    static Operation named(String name, TestedBackend tested, Workload workload) throws Exception {
        LargeOperations operations = new LargeOperations(name, tested, workload);
        return operations.body == null ? null : operations;
    }

    private Body body() {
        switch (name) {
            case "valueUpdate":
                return (key, index) -> {
                    value.update(EntryValue.of(key, (int) index));
                    return 0;
                };
            case "valueGet":
                return (key, index) -> EntryValue.counter(value.value());
            case "read-modify-write":
                return (key, index) -> {
                    byte[] found = value.value();
                    EntryValue.setCounter(found, EntryValue.counter(found) + 1);
                    value.update(found);
                    return 0;
                };
            case "listAppend":
                return (key, index) -> {
                    list.add(EntryValue.of(key * Workload.MAP_ENTRIES, (int) index));
                    return 0;
                };
            case "mapUpdate":
                return (key, index) -> {
                    Long mapKey = workload.mapKey(index);
                    map.put(mapKey, EntryValue.of(key * Workload.MAP_ENTRIES + mapKey.intValue(), (int) index));
                    return 0;
                };
            case "mapGet":
                return (key, index) -> EntryValue.counter(map.get(workload.mapKey(index)));
            case "mapIterator":
                return (key, index) -> {
                    long sum = 0;
                    Iterator<Map.Entry<Long, byte[]>> iterator = map.iterator();
                    while (iterator.hasNext()) {
                        sum += EntryValue.counter(iterator.next().getValue());
                    }
                    return sum;
                };
            default:
                return null;
        }
    }

    @Override
    public boolean writes() {
        return name.equals("valueUpdate") || name.equals("read-modify-write") || name.equals("listAppend") || name.equals("mapUpdate");
    }

    @Override
    public int operationsPerIndex() {
        return name.equals("mapIterator") ? entriesPerKey : 1;
    }

    /** Lists would otherwise outgrow the size that was asked for. */
    @Override
    public long indicesPerIteration() {
        return name.equals("listAppend") ? ((long) workload.keyCount * entriesPerKey + 39) / 40 : Long.MAX_VALUE;
    }

    @Override
    public void setUp() throws Exception {
        for (int key = 0; key < workload.keyCount; key++) {
            backend.setCurrentKey((long) key);
            if (value != null) {
                value.update(EntryValue.of(key, EntryValue.setUpCounter(key)));
                continue;
            }
            List<byte[]> entries = new ArrayList<>();
            for (int i = 0; i < entriesPerKey; i++) {
                int place = key * entriesPerKey + i;
                entries.add(EntryValue.of(place, EntryValue.setUpCounter(place)));
                if (map != null) {
                    map.put((long) i, entries.get(i));
                }
            }
            if (list != null) {
                list.update(entries);
            }
        }
    }

    @Override
    public long run(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            Long key = workload.setUpKey(index);
            backend.setCurrentKey(key);
            sum += body.run(key.intValue(), index);
        }
        return sum;
    }

    @Override
    public long expectedSum(long from, long to) {
        long sum = 0;
        for (long index = from; index < to && !writes(); index++) {
            int first = workload.setUpKey(index).intValue() * entriesPerKey;
            if (name.equals("mapIterator")) {
                for (int i = 0; i < entriesPerKey; i++) {
                    sum += EntryValue.setUpCounter(first + i);
                }
            } else {
                sum += EntryValue.setUpCounter(map == null ? first : first + workload.mapKey(index).intValue());
            }
        }
        return sum;
    }

    @Override
    public long verify(long iterationStart, long end) throws Exception {
        long compared = 0;
        for (Map.Entry<Integer, List<Integer>> expected : expectedCounters(end).entrySet()) {
            int key = expected.getKey();
            List<Integer> counters = expected.getValue();
            backend.setCurrentKey((long) key);
            List<byte[]> found = entries();
            boolean isRight = found.size() == counters.size();
            for (int i = 0; isRight && i < counters.size(); i++) {
                // What is appended to a list has the place of its first entry.
                int place = key * entriesPerKey + (i < entriesPerKey ? i : 0);
                isRight = EntryValue.matches(found.get(i), place, counters.get(i));
            }
            WrongResultException.check(isRight, "key " + key + " does not hold what was written");
            compared += counters.size();
        }
        return compared;
    }

    private List<byte[]> entries() throws Exception {
        List<byte[]> entries = new ArrayList<>();
        if (value != null) {
            entries.add(value.value());
        }
        if (list != null) {
            list.get().forEach(entries::add);
        }
        for (long mapKey = 0; map != null && mapKey < entriesPerKey; mapKey++) {
            entries.add(map.get(mapKey));
        }
        return entries;
    }

    /** The counters that a part of the keys must have after all indices. */
    private Map<Integer, List<Integer>> expectedCounters(long end) {
        Map<Integer, List<Integer>> expected = new HashMap<>();
        for (int key : workload.checkedKeys(workload.keyCount)) {
            List<Integer> counters = new ArrayList<>();
            for (int i = 0; i < entriesPerKey; i++) {
                counters.add(EntryValue.setUpCounter(key * entriesPerKey + i));
            }
            expected.put(key, counters);
        }
        for (long index = 0; index < end && writes(); index++) {
            List<Integer> counters = expected.get(workload.setUpKey(index).intValue());
            if (counters == null) {
                continue;
            }
            switch (name) {
                case "listAppend":
                    counters.add((int) index);
                    break;
                case "mapUpdate":
                    counters.set(workload.mapKey(index).intValue(), (int) index);
                    break;
                case "valueUpdate":
                    counters.set(0, (int) index);
                    break;
                default:
                    counters.set(0, counters.get(0) + 1);
            }
        }
        return expected;
    }
}
