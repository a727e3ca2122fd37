import { int64, type KeyedStateBackend, valueState, type ValueState } from "@tidemark/core/state";
import { WrongResultError } from "../question.js";
import { type Operation, sumOver } from "./operation.js";
import { setUpValue, type Workload } from "./workload.js";

/** valueUpdate, valueAdd or valueGet; undefined for another name. */
export function valueOperation(name: string, keyed: KeyedStateBackend<number>, workload: Workload): Operation | undefined {
  const state = keyed.getState(valueState("value", int64()));
  switch (name) {
    case "valueUpdate":
      return { ...basis(keyed, state, workload, (index) => workload.setUpKey(index)), run: update(keyed, state, workload) };
    case "valueAdd":
      return { ...basis(keyed, state, workload, (index) => workload.newKey(index)), run: add(keyed, state, workload) };
    case "valueGet":
      return {
        ...basis(keyed, state, workload, undefined),
        run: get(keyed, state, workload),
        expectedSum: (from, to) => sumOver(from, to, (index) => setUpValue(workload.setUpKey(index))),
      };
    default:
      return undefined;
  }
}

type State = ValueState<number>;

/** All but run(); `writtenKey` says which key an index writes. */
function basis(
  keyed: KeyedStateBackend<number>,
  state: State,
  workload: Workload,
  writtenKey: ((index: number) => number) | undefined,
): Omit<Operation, "run"> {
  return {
    writes: writtenKey !== undefined,
    operationsPerIndex: 1,
    indicesPerIteration: Infinity,
    setUp() {
      for (let key = 0; key < workload.keyCount; key += 1) {
        keyed.setCurrentKey(key);
        state.update(setUpValue(key));
      }
    },
    expectedSum: () => 0,
    verify(_, end) {
      const expected = Array.from({ length: 2 * workload.keyCount }, (_, key) => (key < workload.keyCount ? setUpValue(key) : undefined));
      if (writtenKey !== undefined) for (let index = 0; index < end; index += 1) expected[writtenKey(index)] = workload.value(index);
      for (const [key, wanted] of expected.entries()) {
        keyed.setCurrentKey(key);
        const found = state.value();
        if (found !== wanted) throw new WrongResultError(`key ${key} holds ${found} instead of ${wanted}`);
      }
      return expected.length;
    },
  };
}

function update(keyed: KeyedStateBackend<number>, state: State, workload: Workload): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      state.update(workload.value(index));
    }
    return 0;
  };
}

function add(keyed: KeyedStateBackend<number>, state: State, workload: Workload): Operation["run"] {
  return (from, to) => {
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.newKey(index));
      state.update(workload.value(index));
    }
    return 0;
  };
}

function get(keyed: KeyedStateBackend<number>, state: State, workload: Workload): Operation["run"] {
  return (from, to) => {
    let sum = 0;
    for (let index = from; index < to; index += 1) {
      keyed.setCurrentKey(workload.setUpKey(index));
      sum += state.value() ?? Number.NaN;
    }
    return sum;
  };
}
