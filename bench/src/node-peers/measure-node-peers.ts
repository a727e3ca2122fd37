import { yieldTurn } from "@tidemark/core/state";
import { type ResultLine, WrongResultError } from "../question.js";
import type { Settings } from "../settings.js";
import type { NodeStore, NodeStoreKind } from "./node-store.js";
import { checkedByte, type Draw, Records } from "./records.js";
import { SnapshotCheck } from "./snapshot-check.js";
import { storeKind } from "./store-kinds.js";

interface Run {
  readonly store: NodeStore;
  readonly records: Records;
  readonly settings: Settings;
  readonly emit: (line: ResultLine) => void;
  readonly nowMs: () => number;
}

/** Does to some keys what is measured. Returns the sum of checkedByte() of what it read, if that is what it does. */
type Operate = (keys: readonly string[], batches: readonly (readonly string[])[]) => Promise<number | undefined>;

/** Measures one case of node-peers on one of our backends or on a peer. Throws WrongResultError. */
export async function measureNodePeers(settings: Settings, emit: (line: ResultLine) => void, nowMs: () => number): Promise<void> {
  await measureStore(storeKind(settings.text("system")), settings, emit, nowMs);
}

/** The same on any store. */
export async function measureStore(
  kind: NodeStoreKind,
  settings: Settings,
  emit: (line: ResultLine) => void,
  nowMs: () => number,
): Promise<void> {
  const options = { directory: settings.text("directory"), memoryBytes: settings.number("memoryBytes") };
  const records = new Records(settings.number("keys"), settings.number("valueBytes"), settings.number("seed"));
  const measure = measureOf(settings.text("case"));
  const store = await kind.open(options);
  let check: SnapshotCheck | undefined;
  try {
    emit({ build: store.build });
    const run = { store, records, settings, emit, nowMs };
    await load(run);
    check = await measure(run);
    emit({ checked: await verify(run) });
  } finally {
    await store.close();
  }
  if (check === undefined) return;
  await kind.readSnapshot(options, (key, value) => check.visit(key, value));
  emit({ checked: check.end() });
}

function measureOf(name: string): (run: Run) => Promise<SnapshotCheck | undefined> {
  switch (name) {
    case "read-modify-write":
      return (run) => rate(run, async (keys) => void (await run.store.readModifyWrite(keys)));
    case "read-modify-write-batch":
      return (run) =>
        rate(run, async (_, batches) => {
          for (const batch of batches) await run.store.readModifyWriteBatch(batch);
          return undefined;
        });
    case "get":
      return (run) =>
        rate(run, async (keys) => {
          let sum = 0;
          await run.store.get(keys, (value) => (sum += checkedByte(value)));
          return sum;
        });
    case "get-batch":
      return (run) =>
        rate(run, async (_, batches) => {
          let sum = 0;
          for (const batch of batches) await run.store.getBatch(batch, (value) => (sum += checkedByte(value)));
          return sum;
        });
    case "snapshot":
      return snapshot;
    case "snapshot-1pct":
      return async (run) => {
        await run.store.snapshot();
        await change(run);
        return snapshot(run);
      };
    default:
      throw new Error(`unknown case: ${name}`);
  }
}

async function load({ store, records, settings }: Run): Promise<void> {
  const count = settings.number("batch");
  for (let from = 0; from < records.keyCount; from += count) {
    const keys = records.keys(from, Math.min(from + count, records.keyCount));
    await store.put(keys, keys.map((_, offset) => records.firstValue(from + offset)));
    await yieldTurn();
  }
}

/** Runs for a while to warm up, and then for the while that counts. */
async function rate(run: Run, operate: Operate): Promise<undefined> {
  await runFor(run, run.settings.number("warmUpMs"), operate);
  run.emit(await runFor(run, run.settings.number("measureMs"), operate));
}

/** Keys are made between the measured parts, as records arrive: new texts each time. A turn of the event loop follows each part. */
async function runFor({ records, settings, nowMs }: Run, durationMs: number, operate: Operate): Promise<ResultLine> {
  const [recordsPerTurn, batch] = [settings.number("recordsPerTurn"), settings.number("batch")];
  let operationsMs = 0;
  let operations = 0;
  while (operationsMs < durationMs) {
    const draw = records.next(recordsPerTurn);
    const batches = inBatches(draw.keys, batch);
    const startMs = nowMs();
    const sum = await operate(draw.keys, batches);
    await yieldTurn();
    operationsMs += nowMs() - startMs;
    operations += draw.keys.length;
    if (sum === undefined) records.added(draw);
    else requireSum(sum, records, draw);
  }
  return { operations, operationsMs };
}

function requireSum(sum: number, records: Records, draw: Draw): void {
  const expected = records.expectedSum(draw);
  if (sum !== expected) throw new WrongResultError(`read a sum of ${sum} instead of ${expected}`);
}

/** Takes the snapshot that is measured. What is written after it must not be in it. */
async function snapshot(run: Run): Promise<SnapshotCheck> {
  const check = new SnapshotCheck(run.records);
  const startMs = run.nowMs();
  await run.store.snapshot();
  run.emit({ snapshotMs: run.nowMs() - startMs });
  await change(run);
  return check;
}

/** Adds one to as many keys as one percent is; some of them more than once. */
async function change({ store, records, settings }: Run): Promise<void> {
  const draw = records.next(Math.ceil(records.keyCount / 100));
  for (const batch of inBatches(draw.keys, settings.number("batch"))) await store.readModifyWriteBatch(batch);
  records.added(draw);
}

/** Reads keys back, evenly spread over all, and compares. Returns their number. */
async function verify({ store, records, settings }: Run): Promise<number> {
  const step = Math.max(1, Math.floor(records.keyCount / settings.number("checks")));
  const indices = Array.from({ length: Math.ceil(records.keyCount / step) }, (_, place) => place * step);
  for (const batch of inBatches(indices, settings.number("batch"))) {
    const keys = batch.map((index) => records.keyOf(index));
    let visited = 0;
    await store.getBatch(keys, (value, place) => {
      visited += 1;
      if (!records.holds(batch[place] as number, value)) throw new WrongResultError(`key ${keys[place]} does not hold what was written`);
    });
    if (visited !== keys.length) throw new WrongResultError(`${visited} of ${keys.length} keys were read`);
  }
  return indices.length;
}

function inBatches<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, batch) => items.slice(batch * size, (batch + 1) * size));
}
