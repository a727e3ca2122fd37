/** A figure that the project asks of itself. */
export interface Goal {
  readonly text: string;
  readonly question: string;
  /** A case; with `over` the end of the names of all cases that it is about: "" is every operation, "-20x" the variants of that name. */
  readonly case: string;
  readonly over?: "geometric mean" | "worst";
  readonly system: string;
  readonly size: string;
  /** What the figure is compared with: the same figure but for what is named here. */
  readonly against?: Against;
  readonly comparison: "at least" | "at most" | "below" | "reported";
  /** Missing where a figure is only reported. */
  readonly value?: number;
  /** It is met as well when the figure by itself is at most this. */
  readonly orAtMost?: number;
}

export interface Against {
  readonly question?: string;
  readonly case?: string;
  readonly system?: string;
  /** The best of these. */
  readonly bestOf?: readonly string[];
  readonly size?: string;
  /** Times better: more of a rate, less of anything else. Times as much: the quotient. More: the difference. */
  readonly by: "times better" | "times as much" | "more";
}

const opsSize = "500000 keys";
const flinkOf = { memory: "flink-hashmap", rocksdb: "flink-rocksdb" } as const;
const ownBesideFlink = ["memory", "rocksdb"] as const;
/** Stores that keep their data on disk. */
const nodeStores = ["npm:level-rocksdb", "npm:classic-level", "npm:lmdb", "npm:better-sqlite3", "npm:@slatedb/uniffi"];

/** Every figure asked for. Each is a row of the report, whether it was measured or not. */
export const goals: readonly Goal[] = [
  ...stateOps("memory", 1.5, 0.7),
  ...stateOps("rocksdb", 5, 1.5),
  {
    question: "state-ops", case: "-20x", over: "geometric mean", system: "rocksdb", size: opsSize,
    text: "operations on a state 20 times the budget beside Flink",
    against: { system: "flink-rocksdb", by: "times better" },
    ...atLeast(1.5),
  },
  ...["valueGet", "read-modify-write"].map((name): Goal => ({
    question: "state-ops", case: `${name}-5pct`, system: "rocksdb", size: opsSize,
    text: `${name} with a budget of 5 % of the state, time over that of db_bench`,
    // The time is at most 1.3 times as long: the rate at least 1 / 1.3.
    against: { system: "db_bench", by: "times better" },
    ...atLeast(0.77),
  })),
  ...latencyOfState(),
  ...["1GiB", "4GiB"].flatMap(checkpoints),
  ...["duration-p50-10MiB", "uploaded-over-changed-10MiB"].map((name): Goal => ({
    question: "checkpoint", case: name, system: "rocksdb", size: "16GiB",
    text: `${name.startsWith("duration") ? "time" : "bytes"} of a checkpoint with the same changes, 16 GiB over 1 GiB`,
    against: { size: "1GiB", by: "times as much" },
    ...atMost(1.3),
  })),
  ...restores(),
  ...["1to2", "2to1"].flatMap(rescales),
  ...gaps("latency", "-20k", "1GiB"),
  ...memoryGoals(),
  ...jobs(),
  ...nodePeers(),
];

function stateOps(system: keyof typeof flinkOf, mean: number, worst: number): Goal[] {
  const against = { system: flinkOf[system], by: "times better" } as const;
  const beside = { question: "state-ops", case: "", system, size: opsSize, against } as const;
  return [
    { ...beside, over: "geometric mean", text: "all operations beside Flink, geometric mean", ...atLeast(mean) },
    { ...beside, over: "worst", text: "the worst operation beside Flink", ...atLeast(worst) },
  ];
}

function latencyOfState(): Goal[] {
  const updates = { question: "state-latency", system: "memory", size: "10000000 keys" } as const;
  return [
    { ...updates, case: "update-1000-p999", text: "p99.9 of any 1,000 updates in a row up to 10 million entries, ms", ...atMost(10) },
    ...["1M", "10M"].map((entries): Goal => ({
      ...updates, case: `snapshot-pause-${entries}`, text: `pause at the start of a snapshot of ${entries} entries, ms`,
      ...below(1),
    })),
    ...["table", "heap"].map((kind): Goal => ({
      question: "state-limits", case: `entries-20M-${kind}`, system: "memory", size: "20000000 keys",
      text: `20 million entries work (${kind}), operations per millisecond`,
      ...atLeast(0),
    })),
  ];
}

function checkpoints(size: string): Goal[] {
  const rocksdb = { question: "checkpoint", system: "rocksdb", size } as const;
  const more = (name: string): Against => ({ case: name, by: "more" });
  return [
    { ...rocksdb, case: "pause-p99", text: "p99 of pauses above idle, ms", against: more("pause-p99-idle"), ...atMost(1) },
    { ...rocksdb, case: "pause-max", text: "longest pause above idle, ms", against: more("pause-max-idle"), ...atMost(3) },
    { ...rocksdb, case: "uploaded-over-changed", text: "new bytes over changed bytes, 50 rounds", ...atMost(1.1) },
    { ...rocksdb, case: "uploaded-over-changed-300", text: "new bytes over changed bytes, 300 rounds", ...atMost(2.2) },
    { ...rocksdb, case: "uploaded-over-changed-0.1pct", text: "new bytes over changed bytes, 0.1 % a round", ...atMost(1.1) },
    { ...rocksdb, case: "uploaded-over-changed-0.01pct", text: "new bytes over changed bytes, 0.01 % a round", ...atMost(1.1) },
    { ...rocksdb, case: "restore-over-state", text: "bytes that a restore reads over the state", ...atMost(3) },
    { ...rocksdb, case: "peak-over-median", text: "largest checkpoint over the median one", ...atMost(4) },
    ...gaps("checkpoint", "", size),
  ];
}

/** How long records wait in a checkpoint. */
function gaps(question: string, suffix: string, size: string): Goal[] {
  const rocksdb = { question, system: "rocksdb", size } as const;
  const idle: Against = { case: `gap-max${suffix === "" ? "-idle" : `${suffix}-idle`}`, by: "times as much" };
  return [
    { ...rocksdb, case: `gap-p50${suffix}`, text: "median of the longest record gaps in a checkpoint, ms", ...atMost(2) },
    {
      ...rocksdb, case: `gap-max${suffix}`, text: "longest record gap over that without checkpoints (or at most 10 ms)",
      against: idle, ...atMost(2), orAtMost: 10,
    },
  ];
}

function restores(): Goal[] {
  const rocksdb = { question: "restore", system: "rocksdb" } as const;
  return [
    { ...rocksdb, case: "first-record", size: "4GiB", text: "restore by links to the first record, ms", ...atMost(150) },
    { ...rocksdb, case: "first-record", size: "10GiB", text: "restore by links to the first record, ms", ...atMost(400) },
    ...["1GiB", "4GiB", "10GiB"].map((size): Goal => ({
      ...rocksdb, case: "first-record-copy", size, text: "speed of a restore by copy over that of cp",
      against: { system: "cp", by: "times better" }, ...atLeast(0.8),
    })),
    ...["1GiB", "4GiB"].flatMap((size): Goal[] => [
      { ...rocksdb, case: "gets-over-settled-40", size, text: "reads after a restore of 40 deltas over settled ones", ...atLeast(0.3) },
      { ...rocksdb, case: "gets-over-settled-20", size, text: "reads after a restore of 20 deltas over settled ones", ...atLeast(0.5) },
      { ...rocksdb, case: "writes-stopped", size, text: "updates that took more than 100 ms right after a restore", ...atMost(0) },
    ]),
  ];
}

function rescales(name: string): Goal[] {
  const rocksdb = { question: "rescale", case: `first-record-${name}`, system: "rocksdb", size: "4GiB" } as const;
  return [
    {
      ...rocksdb, text: "restore at another parallelism over that at the same one",
      against: { question: "restore", case: "first-record", by: "times as much" }, ...atMost(2),
    },
    { ...rocksdb, text: "restore at another parallelism, ms", ...atMost(300) },
  ];
}

function memoryGoals(): Goal[] {
  const rocksdb = { question: "memory", system: "rocksdb", size: "5GiB" } as const;
  return [
    { ...rocksdb, case: "resident-over-budget", text: "resident memory over the budget, values of 100 bytes", ...atMost(1.3) },
    { ...rocksdb, case: "resident-over-budget-1024", text: "resident memory over the budget, values of 1,024 bytes", ...atMost(1.3) },
    { ...rocksdb, case: "resident-over-budget-16", text: "resident memory over the budget, values of 16 bytes", comparison: "reported" },
    { ...rocksdb, case: "resident-base", text: "resident memory with an empty open store, MiB", ...atMost(200) },
  ];
}

function jobs(): Goal[] {
  const checkpointed = ["", "-checkpointed"] as const;
  return ["sum-p1", "words-p1", "window-p1", "sum-p2", "words-p2", "window-p2"].flatMap((name) =>
    checkpointed.flatMap((suffix) =>
      ownBesideFlink.map((system): Goal => ({
        question: "job", case: name + suffix, system, size: "1000000 keys",
        text: `a job${suffix === "" ? "" : " with a checkpoint every second"} beside Flink`,
        against: { system: flinkOf[system], by: "times better" }, ...atLeast(1),
      })),
    ),
  );
}

function nodePeers(): Goal[] {
  return ["read-modify-write", "get"].flatMap((name): Goal[] => {
    const rocksdb = { question: "node-peers", case: name, system: "rocksdb", size: "1000000 keys" } as const;
    return [
      {
        ...rocksdb, text: "single operations beside the rocksdb package",
        against: { system: "npm:rocksdb", by: "times better" }, ...atLeast(5),
      },
      {
        ...rocksdb, text: "single operations beside the best other store",
        against: { bestOf: nodeStores, by: "times better" }, ...atLeast(2),
      },
      {
        ...rocksdb, text: "single operations beside a Map, which is saved as a whole", comparison: "reported",
        against: { system: "npm:map-json", by: "times better" },
      },
    ];
  });
}

function atLeast(value: number): Pick<Goal, "comparison" | "value"> {
  return { comparison: "at least", value };
}

function atMost(value: number): Pick<Goal, "comparison" | "value"> {
  return { comparison: "at most", value };
}

function below(value: number): Pick<Goal, "comparison" | "value"> {
  return { comparison: "below", value };
}
