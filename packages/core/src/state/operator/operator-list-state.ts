import type { TypeSerializer } from "../serializers/index.js";
import type { ListState } from "../state-kinds.js";
import type { OperatorStateGuard } from "./operator-state-guard.js";
import { type Element, ElementCodec, schemasWith, type StoredElements } from "./stored-elements.js";

/** A list of a subtask: even-split or union, which differ at a restore only. */
export class OperatorListState<T> implements ListState<T> {
  readonly #guard: OperatorStateGuard;
  readonly #codec: ElementCodec<T>;
  readonly #stored: StoredElements;
  #elements: Element<T>[];

  /** Takes restored elements in; throws STATE_INCOMPATIBLE, STATE_CORRUPT. */
  constructor(guard: OperatorStateGuard, serializer: TypeSerializer<T>, restored: StoredElements) {
    const schemas = schemasWith(restored, serializer as TypeSerializer<unknown>);
    this.#guard = guard;
    this.#codec = new ElementCodec(serializer, schemas);
    this.#stored = { ...restored, schemas };
    this.#elements = restored.elements.map((element) => this.#codec.decoded(element));
  }

  get(): readonly Readonly<T>[] {
    this.#guard.requireOpen();
    return this.#elements.map(({ value }) => value as T);
  }

  add(element: T): void {
    this.addAll([element]);
  }

  addAll(elements: Iterable<T>): void {
    const added = this.#encode(elements);
    this.#guard.change(0, sizeOf(added));
    for (const element of added) this.#elements.push(element);
  }

  update(elements: Iterable<T>): void {
    const replaced = this.#encode(elements);
    this.#guard.change(sizeOf(this.#elements), sizeOf(replaced));
    this.#elements = replaced;
  }

  clear(): void {
    this.update([]);
  }

  /** The contents as they are now, unchanged by what comes later. */
  contents(): StoredElements {
    return { ...this.#stored, elements: [...this.#elements] };
  }

  /** All or nothing: an element that cannot be stored changes nothing. */
  #encode(elements: Iterable<T>): Element<T>[] {
    this.#guard.requireOpen();
    return Array.from(elements, (element) => this.#codec.encode(element));
  }
}

function sizeOf(elements: readonly Element<unknown>[]): number {
  return elements.reduce((sum, { bytes }) => sum + bytes.length, 0);
}
