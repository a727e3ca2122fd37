import { RocksDBError } from "./errors.js";
import { loadNative, type NativeBinding } from "./native.js";

export interface CacheUsage {
  readonly capacityBytes: number;
  readonly usedBytes: number;
  /** In use by iterators and reads at this moment, or charged for something else than blocks. */
  readonly pinnedBytes: number;
}

/** A block cache for several databases of the process: the option `blockCache` of `Database.open`. */
export class SharedCache {
  readonly #native: NativeBinding;
  /** Names the cache in the whole process; `SharedCache.of` takes it in other threads. */
  readonly id: number;

  private constructor(native: NativeBinding, id: number) {
    this.#native = native;
    this.id = id;
  }

  /** 1 byte to 1 TiB. It is not allocated at once, and can be exceeded by what is pinned. */
  static create(capacityBytes: number): SharedCache {
    const native = loadNative();
    return new SharedCache(native, native.createSharedCache(capacityBytes));
  }

  /** The cache of this number, made by any thread. Throws DISPOSED when it was closed. */
  static of(id: number): SharedCache {
    const native = loadNative();
    native.sharedCacheUsage(id);
    return new SharedCache(native, id);
  }

  /** Throws DISPOSED after `close`. */
  usage(): CacheUsage {
    return this.#native.sharedCacheUsage(this.id);
  }

  /** Throws DISPOSED after `close`. */
  setCapacity(capacityBytes: number): void {
    this.#native.setSharedCacheCapacity(this.id, capacityBytes);
  }

  /** Databases that use it keep it until they close; no other can be opened with it. May be called again. */
  close(): void {
    this.#native.closeSharedCache(this.id);
  }
}

/** The number of a cache option; 0 when there is none. */
export function cacheIdOf(cache: unknown): number {
  if (cache === undefined) return 0;
  if (cache instanceof SharedCache) return cache.id;
  throw new RocksDBError("INVALID_ARGUMENT", "option blockCache must be a SharedCache");
}
