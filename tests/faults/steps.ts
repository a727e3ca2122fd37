import { int32, int64, type KeyedStateBackend, listState, mapState, string, valueState } from "@tidemark/core/state";

/** Changes of keyed state that their numbers alone decide, so that a checkpoint only has to say how many there were. */

const keyCount = 150;
const textBytes = 60;

const texts = valueState("texts", string());
const counts = mapState("counts", string(), int64());
const lists = listState("lists", int32());

type Change =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "count"; readonly name: string; readonly count: number }
  | { readonly kind: "append"; readonly element: number }
  | { readonly kind: "remove"; readonly name: string }
  | { readonly kind: "timer"; readonly timeMs: number }
  | { readonly kind: "clear" };

/** The key that a change is for. */
export function keyOf(step: number): number {
  return mixed(step) % keyCount;
}

function mixed(number: number): number {
  let bits = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  bits = Math.imul(bits ^ (bits >>> 12), 0x297a2d39);
  return (bits ^ (bits >>> 15)) >>> 0;
}

function changeOf(step: number): Change {
  const choice = mixed(step + 0x5bd1e995);
  const name = `n${choice % 5}`;
  switch ((choice >>> 8) % 9) {
    case 0:
      return { kind: "remove", name };
    case 1:
      return { kind: "clear" };
    case 2:
    case 3:
      return { kind: "count", name, count: step };
    case 4:
      return { kind: "timer", timeMs: choice % 1_000 };
    case 5:
    case 6:
      return { kind: "append", element: step };
    default:
      return { kind: "text", text: `${step} `.padEnd(textBytes, String(choice)) };
  }
}

/** Does a change to the backend that has its key. */
export function applyStep(state: KeyedStateBackend<number>, step: number): void {
  state.setCurrentKey(keyOf(step));
  const change = changeOf(step);
  switch (change.kind) {
    case "text":
      return state.getState(texts).update(change.text);
    case "count":
      return state.getState(counts).put(change.name, change.count);
    case "append":
      return state.getState(lists).add(change.element);
    case "remove":
      return state.getState(counts).remove(change.name);
    case "timer":
      return void state.timers("event").register(change.timeMs);
    case "clear":
      state.getState(texts).clear();
      state.getState(lists).clear();
      return state.getState(counts).clear();
  }
}

/** Declares all states, in the same order in every subtask, which decides their ids. */
export function declareStates(state: KeyedStateBackend<number>): void {
  for (const descriptor of [texts, counts, lists]) state.getState(descriptor as typeof texts);
}

interface KeyContents {
  text: string | undefined;
  counts: Map<string, number>;
  list: number[];
}

/** Everything that some subtasks hold together, as text. Reads timers by taking them, so nothing may be done with the state after. */
export function contentsOf(subtasks: readonly KeyedStateBackend<number>[]): string {
  const lines: string[] = [];
  for (const state of subtasks) {
    const keys = new Set<number>([texts, counts, lists].flatMap((descriptor) => [...state.keys(descriptor as typeof texts)]));
    for (const key of keys) {
      state.setCurrentKey(key);
      const text = state.getState(texts).value();
      const map = new Map(state.getState(counts).entries());
      lines.push(lineOf(key, { text, counts: map, list: [...state.getState(lists).get()] }));
    }
    for (let timer = state.timers("event").poll(Infinity); timer !== undefined; timer = state.timers("event").poll(Infinity))
      lines.push(`timer ${timer.timeMs} of ${timer.key}`);
  }
  return lines.sort().join("\n");
}

/** What contentsOf() gives after the changes 0 to `steps` - 1. */
export function expectedAfter(steps: number): string {
  const keys = new Map<number, KeyContents>();
  const timers = new Set<string>();
  for (let step = 0; step < steps; step += 1) {
    const key = keyOf(step);
    const contents: KeyContents = keys.get(key) ?? { text: undefined, counts: new Map(), list: [] };
    keys.set(key, contents);
    const change = changeOf(step);
    if (change.kind === "text") contents.text = change.text;
    else if (change.kind === "count") contents.counts.set(change.name, change.count);
    else if (change.kind === "append") contents.list.push(change.element);
    else if (change.kind === "remove") contents.counts.delete(change.name);
    else if (change.kind === "timer") timers.add(`timer ${change.timeMs} of ${key}`);
    else keys.delete(key);
  }
  const lines = [...keys].filter(([, { text, counts: map, list }]) => text !== undefined || map.size > 0 || list.length > 0);
  return [...lines.map(([key, contents]) => lineOf(key, contents)), ...timers].sort().join("\n");
}

function lineOf(key: number, { text, counts: map, list }: KeyContents): string {
  return `${key}: ${text ?? "-"} ${JSON.stringify([...map].sort())} ${JSON.stringify(list)}`;
}
