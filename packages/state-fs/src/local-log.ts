import { type KeyedStateContext, type MemoryGuard, readEntryFile, restoredRegistry, StateError } from "@tidemark/core/state";
import type { FileSystem, Json } from "@tidemark/core/storage";
import { type FsRestored, readSegment } from "./fs-restore.js";
import { type ClosedSegment, parseSegmentName } from "./log/change-log.js";
import { LogOverlay } from "./log/log-overlay.js";
import { decodeStates, operations, type SegmentHeader } from "./log/segment-format.js";
import { baseName, type BaseFile, parseBaseName } from "./materialisation.js";

/** A segment file in the directory, as its name says. */
interface LocalSegment {
  readonly name: string;
  readonly path: string;
  readonly firstSeq: number;
  readonly number: number;
}

/** Where the acknowledged part of a log ends. */
interface LogEnd {
  /** Index of the last segment that stays. */
  readonly index: number;
  /** Its length from then on. */
  readonly endBytes: number;
  readonly seq: number;
}

/** A log that was found in a directory: what it is, and how far it is whole. Nothing has been changed or replayed yet. */
export interface LocalLog {
  readonly header: SegmentHeader;
  readonly base: BaseFile | undefined;
  /** In order, without those that the base replaces. */
  readonly segments: readonly LocalSegment[];
  readonly end: LogEnd;
  /** Files that nothing needs: replaced by the base, or never finished. */
  readonly leftovers: readonly string[];
  readonly nextNumber: number;
}

/**
 * Looks at the log in a directory; undefined where none was ever acknowledged. A torn end is found and told from damage here: it is the
 * end of the last segment, and no good record follows it (rule 25). Throws STATE_CORRUPT for anything else that is not right.
 */
export async function findLocalLog(fileSystem: FileSystem, directory: string): Promise<LocalLog | undefined> {
  const names = (await fileSystem.list(directory)).filter(({ kind }) => kind === "file").map(({ name }) => name);
  const all = names.flatMap((name) => {
    const parsed = parseSegmentName(name);
    return parsed === undefined ? [] : [{ name, path: `${directory}/${name}`, ...parsed }];
  });
  all.sort((left, right) => left.firstSeq - right.firstSeq || left.number - right.number);
  const baseSeqs = names.flatMap((name) => parseBaseName(name) ?? []);
  const base = baseSeqs.length === 0 ? undefined : await describeBase(fileSystem, directory, Math.max(...baseSeqs));
  const firstNeeded = (base?.seq ?? 0) + 1;
  const segments = all.filter((_, index) => (all[index + 1]?.firstSeq ?? Infinity) > firstNeeded);
  // A base is written before the first segment of a new log: alone it is the rest of a start that was not finished.
  if (segments.length === 0) return undefined;
  const last = segments.at(-1) as LocalSegment;
  const tail = await readSegment(fileSystem, last.path, last.firstSeq, () => undefined);
  // One whose beginning never reached the disk holds nothing; the one before it was whole before it was created.
  const isTailEmpty = tail.header === undefined;
  if (tail.isFollowed) throw corrupt(last.path, `${tail.problem}, and good records follow`);
  if (isTailEmpty) {
    segments.pop();
    if (segments.length === 0 && base === undefined) return undefined;
  }
  const [first] = segments;
  if (first === undefined || first.firstSeq > firstNeeded) throw corrupt(directory, `the segment with change ${firstNeeded} is missing`);
  const { end, header } = await findEnd(fileSystem, segments, firstNeeded - 1, isTailEmpty);
  const kept = new Set([...segments.map(({ name }) => name), base?.name]);
  const leftovers = names.filter((name) => !kept.has(name));
  return { header, base, segments, end, leftovers, nextNumber: Math.max(0, ...all.map(({ number }) => number)) + 1 };
}

/** Reads what was acknowledged and cuts off the rest. From here on the log may go on with a new segment. */
export async function recoverLocalLog<K>(
  context: KeyedStateContext<K>,
  directory: string,
  log: LocalLog,
  guard: MemoryGuard,
): Promise<FsRestored & { readonly segments: readonly ClosedSegment[] }> {
  const { fileSystem, keyGroups } = context;
  const { header, base, segments, end } = log;
  if (header.keyGroups[0] !== keyGroups.first || header.keyGroups[1] !== keyGroups.last) {
    throw new StateError(
      "FOREIGN_DIRECTORY",
      `the log in ${directory} holds key groups ${header.keyGroups.join(" to ")}, this subtask ${keyGroups.first} to ${keyGroups.last}; ` +
        "run with the parallelism it was written with, take a savepoint, and start from that with another directory",
    );
  }
  const overlay = new LogOverlay(keyGroups, guard);
  const closed: ClosedSegment[] = [];
  let states: Json = header.keyed.states;
  let next = segments[0]?.firstSeq ?? 1;
  for (const [index, { name, path, firstSeq }] of segments.slice(0, end.index + 1).entries()) {
    if (firstSeq !== next) throw corrupt(path, `it follows change ${next - 1}`);
    const found = await readSegment(fileSystem, path, firstSeq, (operation, key, value, seq) => {
      if (seq > end.seq || seq <= (base?.seq ?? 0)) return;
      if (operation === operations.states) states = decodeStates(value);
      else if (operation !== operations.commit) overlay.apply(operation, key, value);
    });
    if (found.problem !== undefined && index < segments.length - 1) throw corrupt(path, found.problem);
    const lastSeq = Math.min(found.lastSeq, end.seq);
    closed.push({ name, firstSeq, lastSeq, sizeBytes: index === end.index ? end.endBytes : await sizeOf(fileSystem, path) });
    next = lastSeq + 1;
  }
  if (base !== undefined) await readEntryFile(fileSystem, `${directory}/${base.name}`, (key, value) => overlay.base(key, value));
  const description = { ...header.keyed, states };
  const registry = restoredRegistry(context, [{ keyGroups: header.keyGroups, description: description as unknown as Json }]);
  await cutOff(fileSystem, directory, log);
  return { registry, entries: overlay.finish(), lastSeq: end.seq, segments: closed };
}

/** Removes what comes behind the end. Each step leaves a log that reads the same. */
async function cutOff(fileSystem: FileSystem, directory: string, { segments, end, leftovers }: LocalLog): Promise<void> {
  for (const name of leftovers) await fileSystem.removeFile(`${directory}/${name}`);
  for (const { path } of segments.slice(end.index + 1).reverse()) await fileSystem.removeFile(path);
  await fileSystem.syncDirectory(directory);
  const last = segments[end.index] as LocalSegment;
  if ((await sizeOf(fileSystem, last.path)) === end.endBytes) return;
  const file = await fileSystem.openForAppend(last.path, end.endBytes);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The last commit, searched from behind; the header is that of the segment it is in. */
async function findEnd(
  fileSystem: FileSystem,
  segments: readonly LocalSegment[],
  baseSeq: number,
  isLastWhole: boolean,
): Promise<{ readonly end: LogEnd; readonly header: SegmentHeader }> {
  for (let index = segments.length - 1; ; index -= 1) {
    const { path, firstSeq } = segments[index] as LocalSegment;
    let committed: { readonly seq: number; readonly end: number } | undefined;
    const found = await readSegment(fileSystem, path, firstSeq, (operation, _key, _value, seq, end) => {
      if (operation === operations.commit) committed = { seq, end };
    });
    const { header } = found;
    if (header === undefined || (found.problem !== undefined && (isLastWhole || index < segments.length - 1))) {
      throw corrupt(path, found.problem ?? "its header is wrong");
    }
    if (committed !== undefined) return { header, end: { index, endBytes: committed.end, seq: Math.max(committed.seq, baseSeq) } };
    // Every segment but the last ends in a commit or goes on in the next; with none at all the base is what was acknowledged.
    if (index === 0) return { header, end: { index, endBytes: found.headerEnd, seq: baseSeq } };
  }
}

async function describeBase(fileSystem: FileSystem, directory: string, seq: number): Promise<BaseFile> {
  const name = baseName(seq);
  return { seq, name, sizeBytes: await sizeOf(fileSystem, `${directory}/${name}`) };
}

async function sizeOf(fileSystem: FileSystem, path: string): Promise<number> {
  return (await fileSystem.stat(path))?.sizeBytes ?? 0;
}

function corrupt(path: string, what: string): StateError {
  const advice = "restore its directory from a copy, or remove it and restore a checkpoint";
  return new StateError("STATE_CORRUPT", `${path} is damaged: ${what}; ${advice}`, { details: { path } });
}
