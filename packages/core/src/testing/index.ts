export { BackendHarness, type BackendFactory, type HarnessOptions } from "./backend-harness.js";
export { ManualClock } from "./manual-clock.js";
export { SeededRandom } from "./random.js";
export { SortedByteMap } from "./sorted-byte-map.js";
export { randomOperations } from "./random-operations.js";
export { testStateBackend, type ContractOptions } from "./state-backend-contract.js";
export { ParallelHarness, type OpenChanges, type ParallelHarnessOptions } from "./parallel-harness.js";
export { testRescale } from "./rescale-contract.js";
export { testSavepoints, type SavepointContractOptions } from "./savepoint-contract.js";
