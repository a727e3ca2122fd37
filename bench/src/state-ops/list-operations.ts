import { int64, type KeyedStateBackend, listState, type ListState } from "@tidemark/core/state";
import { WrongResultError } from "../question.js";
import { ListDigest } from "./list-digest.js";
import { type Operation, sumOver } from "./operation.js";
import { addAllValue, listElementCount, setUpValue, type Workload } from "./workload.js";

interface Target {
  readonly keyed: KeyedStateBackend<number>;
  readonly state: ListState<number>;
  readonly workload: Workload;
}

interface Listed {
  readonly run: (target: Target) => Operation["run"];
  /** What one index of an operation that reads reads. */
  readonly expected?: (key: number) => number;
  /** What one index of an operation that writes does to the lists. */
  readonly replay?: (lists: ListDigest, workload: Workload, index: number) => void;
}

const hundred = Array.from({ length: listElementCount }, (_, position) => addAllValue(position));

const operations: Readonly<Record<string, Listed>> = {
  listUpdate: { run: update, replay: (lists, workload, index) => replace(lists, workload.setUpKey(index), workload.value(index)) },
  listAdd: { run: add, replay: (lists, workload, index) => replace(lists, workload.newKey(index), workload.value(index)) },
  listAppend: { run: append, replay: (lists, workload, index) => lists.append(workload.setUpKey(index), workload.value(index)) },
  listAddAll: {
    run: addAll,
    replay: (lists, workload, index) => {
      for (const element of hundred) lists.append(workload.setUpKey(index), element);
    },
  },
  listGet: { run: get, expected: () => 1 },
  listGetAndIterate: { run: getAndIterate, expected: setUpValue },
};

/** A list operation by name; undefined for another name. Each list holds one element when an iteration begins. */
export function listOperation(name: string, keyed: KeyedStateBackend<number>, workload: Workload): Operation | undefined {
  const operation = operations[name];
  if (operation === undefined) return undefined;
  const target = { keyed, workload, state: keyed.getState(listState("list", int64())) };
  return {
    writes: operation.replay !== undefined,
    operationsPerIndex: 1,
    indicesPerIteration: name === "listAddAll" ? workload.keyCount : Infinity,
    setUp: () => undefined,
    beforeIteration: () => fill(target),
    afterIteration: () => empty(target),
    run: operation.run(target),
    expectedSum: (from, to) => sumOver(from, to, (index) => operation.expected?.(workload.setUpKey(index)) ?? 0),
    verify: (iterationStart, end) => verify(target, operation, iterationStart, end),
  };
}

function fill({ keyed, state, workload }: Target): void {
  for (let key = 0; key < workload.keyCount; key += 1) {
    keyed.setCurrentKey(key);
    state.add(setUpValue(key));
  }
  collectGarbage();
}

function empty({ keyed, state, workload }: Target): void {
  for (let key = 0; key < 2 * workload.keyCount; key += 1) {
    keyed.setCurrentKey(key);
    state.clear();
  }
  collectGarbage();
}

/** Outside of the time, as on Flink's side. Node has it with --expose-gc. */
function collectGarbage(): void {
  globalThis.gc?.();
}

function verify({ keyed, state, workload }: Target, operation: Listed, from: number, end: number): number {
  const expected = new ListDigest(2 * workload.keyCount);
  for (let key = 0; key < workload.keyCount; key += 1) expected.append(key, setUpValue(key));
  for (let index = from; index < end; index += 1) operation.replay?.(expected, workload, index);
  const found = new ListDigest(2 * workload.keyCount);
  let elements = 0;
  for (let key = 0; key < 2 * workload.keyCount; key += 1) {
    keyed.setCurrentKey(key);
    for (const element of state.get()) {
      found.append(key, element);
      elements += 1;
    }
    if (!found.isSame(expected, key)) throw new WrongResultError(`the list of key ${key} differs from what was written`);
  }
  return elements;
}

function replace(lists: ListDigest, list: number, element: number): void {
  lists.clear(list);
  lists.append(list, element);
}

function update({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.update([workload.value(index)]);
    }
    return 0;
  };
}

/** The update of a key without a list, as Flink's suite has it. */
function add({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.newKey(index));
      state.update([workload.value(index)]);
    }
    return 0;
  };
}

function append({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.add(workload.value(index));
    }
    return 0;
  };
}

function addAll({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.addAll(hundred);
    }
    return 0;
  };
}

/** Counts lists that are there, without looking at an element. */
function get({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let found = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      if (state.get().length > 0) found += 1;
    }
    return found;
  };
}

function getAndIterate({ keyed, state, workload }: Target): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      for (const element of state.get()) sum += element;
    }
    return sum;
  };
}
