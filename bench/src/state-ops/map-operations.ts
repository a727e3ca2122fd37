import { int64, type KeyedStateBackend, mapState, type MapState } from "@tidemark/core/state";
import { WrongResultError } from "../question.js";
import { type Operation, sumOver } from "./operation.js";
import { mapEntryCount, putAllValue, setUpMapValue, type Workload } from "./workload.js";

interface Target {
  readonly keyed: KeyedStateBackend<number>;
  readonly state: MapState<number, number>;
  readonly workload: Workload;
}

/** Entries of all maps by key * mapEntryCount + map key; NaN where there is none. */
type Contents = Float64Array;

interface Reading {
  readonly run: (target: Target) => Operation["run"];
  /** What one index reads. */
  readonly expected: (key: number, mapKey: number) => number;
  readonly visitsAll?: boolean;
}

interface Writing {
  readonly run: (target: Target) => Operation["run"];
  readonly replay: (contents: Contents, workload: Workload, index: number) => void;
}

const keySum = (mapEntryCount * (mapEntryCount - 1)) / 2;
const valueSum = (key: number): number => mapEntryCount * key * 7 + keySum;

const readings: Readonly<Record<string, Reading>> = {
  mapGet: { run: get, expected: setUpMapValue },
  mapContains: { run: contains, expected: (_, mapKey) => (mapKey * 2 < mapEntryCount ? 1 : 0) },
  mapIsEmpty: { run: isEmpty, expected: () => 1 },
  mapKeys: { run: keys, expected: () => keySum, visitsAll: true },
  mapValues: { run: values, expected: valueSum, visitsAll: true },
  mapEntries: { run: entries, expected: (key) => keySum + valueSum(key), visitsAll: true },
  mapIterator: { run: iterator, expected: (key) => keySum + valueSum(key), visitsAll: true },
};

const writings: Readonly<Record<string, Writing>> = {
  mapUpdate: {
    run: update,
    replay: (contents, workload, index) => put(contents, workload.setUpKey(index), workload.mapKey(index), workload.value(index)),
  },
  mapAdd: {
    run: add,
    replay: (contents, workload, index) => put(contents, workload.newKey(index), workload.mapKey(index), workload.value(index)),
  },
  mapRemove: {
    run: remove,
    replay: (contents, workload, index) => put(contents, workload.setUpKey(index), workload.mapKey(index), Number.NaN),
  },
  mapPutAll: {
    run: putAll,
    replay: (contents, workload, index) => {
      for (let mapKey = 0; mapKey < mapEntryCount; mapKey += 1) put(contents, workload.setUpKey(index), mapKey, putAllValue(mapKey));
    },
  },
};

/** A map operation by name; undefined for another name. */
export function mapOperation(name: string, keyed: KeyedStateBackend<number>, workload: Workload): Operation | undefined {
  const target = { keyed, workload, state: keyed.getState(mapState("map", int64(), int64())) };
  const reading = readings[name];
  const writing = writings[name];
  const run = (reading ?? writing)?.run(target);
  if (run === undefined) return undefined;
  return {
    writes: writing !== undefined,
    operationsPerIndex: reading?.visitsAll === true ? mapEntryCount : 1,
    indicesPerIteration: Infinity,
    setUp: () => setUp(target),
    run,
    expectedSum: (from, to) => sumOver(from, to, (index) => reading?.expected(workload.setUpKey(index), workload.mapKey(index)) ?? 0),
    verify: (_, end) => verify(target, writing, end),
  };
}

function setUp({ keyed, state, workload }: Target): void {
  for (let key = 0; key < workload.keyCount; key += 1) {
    keyed.setCurrentKey(key);
    for (let position = 0; position < mapEntryCount; position += 1) {
      const mapKey = workload.mapKey(position);
      state.put(mapKey, setUpMapValue(key, mapKey));
    }
  }
}

function verify({ keyed, state, workload }: Target, writing: Writing | undefined, end: number): number {
  const contents = new Float64Array(2 * workload.keyCount * mapEntryCount).fill(Number.NaN);
  for (let key = 0; key < workload.keyCount; key += 1) {
    for (let mapKey = 0; mapKey < mapEntryCount; mapKey += 1) put(contents, key, mapKey, setUpMapValue(key, mapKey));
  }
  if (writing !== undefined) for (let index = 0; index < end; index += 1) writing.replay(contents, workload, index);
  let compared = 0;
  for (const key of workload.checkedKeys(2 * workload.keyCount)) {
    keyed.setCurrentKey(key);
    let left = 0;
    for (let mapKey = 0; mapKey < mapEntryCount; mapKey += 1) {
      const wanted = contents[key * mapEntryCount + mapKey] as number;
      const found = state.get(mapKey);
      if (!Object.is(found ?? Number.NaN, wanted)) {
        throw new WrongResultError(`entry ${mapKey} of key ${key} is ${found} instead of ${Number.isNaN(wanted) ? "absent" : wanted}`);
      }
      if (!Number.isNaN(wanted)) left += 1;
    }
    compared += left;
    for (const _ of state.keys()) left -= 1;
    if (left !== 0) throw new WrongResultError(`the map of key ${key} has another number of entries than were written`);
  }
  return compared;
}

function put(contents: Contents, key: number, mapKey: number, value: number): void {
  contents[key * mapEntryCount + mapKey] = value;
}

function update({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.put(workload.mapKey(index), workload.value(index));
    }
    return 0;
  };
}

function add({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.newKey(index));
      state.put(workload.mapKey(index), workload.value(index));
    }
    return 0;
  };
}

function remove({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.remove(workload.mapKey(index));
    }
    return 0;
  };
}

function putAll({ keyed, state, workload }: Target): Operation["run"] {
  const mapKeys = Array.from({ length: mapEntryCount }, (_, position) => workload.mapKey(position));
  const ten = new Map(mapKeys.map((mapKey) => [mapKey, putAllValue(mapKey)]));
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.putAll(ten);
    }
    return 0;
  };
}

function get({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      sum += state.get(workload.mapKey(index)) ?? Number.NaN;
    }
    return sum;
  };
}

/** Looks for twice the map key, so that half of the look-ups find nothing. */
function contains({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let found = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      if (state.contains(workload.mapKey(index) * 2)) found += 1;
    }
    return found;
  };
}

function isEmpty({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let found = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      if (!state.isEmpty()) found += 1;
    }
    return found;
  };
}

function keys({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      for (const key of state.keys()) sum += key;
    }
    return sum;
  };
}

function values({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      for (const value of state.values()) sum += value;
    }
    return sum;
  };
}

function entries({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      for (const [key, value] of state.entries()) sum += key + value;
    }
    return sum;
  };
}

/** The same entries through the bare iterator, step by step. */
function iterator({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      const iterator = state.entries();
      for (let step = iterator.next(); step.done !== true; step = iterator.next()) sum += step.value[0] + step.value[1];
    }
    return sum;
  };
}
