package tidemark.bench;

import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeutils.base.LongSerializer;
import org.apache.flink.runtime.state.AbstractKeyedStateBackend;

/** The map operations. Each set-up key holds ten entries when the first iteration begins. */
final class MapOperations implements Operation {
    /** What an operation does for the indices of a batch. */
    private interface Body {
        long run(MapOperations operations, long from, long to) throws Exception;
    }

    private final AbstractKeyedStateBackend<Long> backend;
    private final Workload workload;
    private final MapState<Long, Long> state;
    private final Map<Long, Long> ten = new HashMap<>();
    private final String name;
    private final Body body;

    private MapOperations(String name, Body body, TestedBackend tested, Workload workload) throws Exception {
        this.name = name;
        this.body = body;
        this.backend = tested.keyed();
        this.workload = workload;
        this.state = tested.state(new MapStateDescriptor<>("map", LongSerializer.INSTANCE, LongSerializer.INSTANCE));
        for (int i = 0; i < Workload.MAP_ENTRIES; i++) {
            Long mapKey = workload.mapKey(i);
            ten.put(mapKey, Workload.putAllValue(mapKey));
        }
    }

    static Operation named(String name, TestedBackend tested, Workload workload) throws Exception {
        Body body = body(name);
        return body == null ? null : new MapOperations(name, body, tested, workload);
    }

    private static Body body(String name) {
        switch (name) {
            case "mapUpdate":
                return MapOperations::update;
            case "mapAdd":
                return MapOperations::add;
            case "mapGet":
                return MapOperations::get;
            case "mapContains":
                return MapOperations::contains;
            case "mapIsEmpty":
                return MapOperations::isEmpty;
            case "mapRemove":
                return MapOperations::remove;
            case "mapPutAll":
                return MapOperations::putAll;
            case "mapKeys":
                return MapOperations::keys;
            case "mapValues":
                return MapOperations::values;
            case "mapEntries":
                return MapOperations::entries;
            case "mapIterator":
                return MapOperations::iterator;
            default:
                return null;
        }
    }

    private long update(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.put(workload.mapKey(index), workload.value(index));
        }
        return 0;
    }

    private long add(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.newKey(index));
            state.put(workload.mapKey(index), workload.value(index));
        }
        return 0;
    }

    private long get(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            sum += state.get(workload.mapKey(index));
        }
        return sum;
    }

    /** Looks for twice the map key, so that half of the look-ups find nothing. */
    private long contains(long from, long to) throws Exception {
        long found = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            if (state.contains(workload.mapKey(index) << 1)) {
                found++;
            }
        }
        return found;
    }

    private long isEmpty(long from, long to) throws Exception {
        long found = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            if (!state.isEmpty()) {
                found++;
            }
        }
        return found;
    }

    private long remove(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.remove(workload.mapKey(index));
        }
        return 0;
    }

    private long putAll(long from, long to) throws Exception {
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            state.putAll(ten);
        }
        return 0;
    }

    private long keys(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            for (Long key : state.keys()) {
                sum += key;
            }
        }
        return sum;
    }

    private long values(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            for (Long value : state.values()) {
                sum += value;
            }
        }
        return sum;
    }

    private long entries(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            for (Map.Entry<Long, Long> entry : state.entries()) {
                sum += entry.getKey() + entry.getValue();
            }
        }
        return sum;
    }

    private long iterator(long from, long to) throws Exception {
        long sum = 0;
        for (long index = from; index < to; index++) {
            backend.setCurrentKey(workload.setUpKey(index));
            Iterator<Map.Entry<Long, Long>> iterator = state.iterator();
            while (iterator.hasNext()) {
                Map.Entry<Long, Long> entry = iterator.next();
                sum += entry.getKey() + entry.getValue();
            }
        }
        return sum;
    }

    @Override
    public boolean writes() {
        switch (name) {
            case "mapUpdate":
            case "mapAdd":
            case "mapRemove":
            case "mapPutAll":
                return true;
            default:
                return false;
        }
    }

    @Override
    public int operationsPerIndex() {
        switch (name) {
            case "mapKeys":
            case "mapValues":
            case "mapEntries":
            case "mapIterator":
                return Workload.MAP_ENTRIES;
            default:
                return 1;
        }
    }

    @Override
    public void setUp() throws Exception {
        for (long key = 0; key < workload.keyCount; key++) {
            backend.setCurrentKey(key);
            for (int i = 0; i < Workload.MAP_ENTRIES; i++) {
                Long mapKey = workload.mapKey(i);
                state.put(mapKey, Workload.setUpMapValue(key, mapKey));
            }
        }
    }

    @Override
    public long run(long from, long to) throws Exception {
        return body.run(this, from, to);
    }

    @Override
    public long expectedSum(long from, long to) {
        long sum = 0;
        for (long index = from; index < to; index++) {
            sum += expectedAt(workload.setUpKey(index), workload.mapKey(index));
        }
        return sum;
    }

    /** What one index reads; no reading operation follows a writing one. */
    private long expectedAt(long key, long mapKey) {
        final long keySum = Workload.MAP_ENTRIES * (Workload.MAP_ENTRIES - 1) / 2;
        final long valueSum = Workload.MAP_ENTRIES * key * 7 + keySum;
        switch (name) {
            case "mapGet":
                return Workload.setUpMapValue(key, mapKey);
            case "mapContains":
                return mapKey << 1 < Workload.MAP_ENTRIES ? 1 : 0;
            case "mapIsEmpty":
                return 1;
            case "mapKeys":
                return keySum;
            case "mapValues":
                return valueSum;
            case "mapEntries":
            case "mapIterator":
                return keySum + valueSum;
            default:
                return 0;
        }
    }

    @Override
    public long verify(long iterationStart, long end) throws Exception {
        Long[] expected = expectedContents(end);
        long entries = 0;
        for (int key : workload.checkedKeys(2 * workload.keyCount)) {
            backend.setCurrentKey((long) key);
            int left = 0;
            for (int i = 0; i < Workload.MAP_ENTRIES; i++) {
                Long wanted = expected[key * Workload.MAP_ENTRIES + i];
                Long found = state.get((long) i);
                boolean isRight = wanted == null ? found == null : wanted.equals(found);
                WrongResultException.check(isRight, "entry " + i + " of key " + key + " is " + found + " instead of " + wanted);
                left += wanted == null ? 0 : 1;
            }
            entries += left;
            for (Long ignored : state.keys()) {
                left--;
            }
            WrongResultException.check(left == 0, "the map of key " + key + " has another number of entries than were written");
        }
        return entries;
    }

    private Long[] expectedContents(long end) {
        Long[] contents = new Long[2 * workload.keyCount * Workload.MAP_ENTRIES];
        for (int key = 0; key < workload.keyCount; key++) {
            for (int i = 0; i < Workload.MAP_ENTRIES; i++) {
                contents[key * Workload.MAP_ENTRIES + i] = Workload.setUpMapValue(key, i);
            }
        }
        if (!writes()) {
            return contents;
        }
        for (long index = 0; index < end; index++) {
            int key = (name.equals("mapAdd") ? workload.newKey(index) : workload.setUpKey(index)).intValue();
            int slot = key * Workload.MAP_ENTRIES + workload.mapKey(index).intValue();
            switch (name) {
                case "mapRemove":
                    contents[slot] = null;
                    break;
                case "mapPutAll":
                    for (int i = 0; i < Workload.MAP_ENTRIES; i++) {
                        contents[key * Workload.MAP_ENTRIES + i] = Workload.putAllValue(i);
                    }
                    break;
                default:
                    contents[slot] = workload.value(index);
            }
        }
        return contents;
    }
}
