// The functions JavaScript can call, by the file that holds them. `db` is the number open() gave.
#pragma once

#include "call.h"

namespace tidemark {

// open.cc
napi_value OpenDatabase(Call& call);   // (path, options) -> promise of {handle, columnFamilies: [{id, name, mergeOperator}]}
napi_value IsInUse(Call& call);        // (path) -> boolean
napi_value CloseDatabase(Call& call);  // (db) -> promise; waits for the work that is under way
napi_value PrepareExit(Call& call);    // (); interrupts every database of this thread

// read.cc
napi_value Get(Call& call);                   // (db, family, snapshot | 0, key, keyLength, out) -> value length, -1 = absent
napi_value MultiGet(Call& call);              // (db, family, snapshot | 0, keys, keysLength, count, out, ranges) -> bytes needed
napi_value TakeSnapshot(Call& call);          // (db) -> snapshot
napi_value ReleaseSnapshot(Call& call);       // (db, snapshot)
napi_value GetProperty(Call& call);           // (db, family, name) -> string | undefined
napi_value LatestSequenceNumber(Call& call);  // (db) -> number

// write.cc
napi_value Write(Call& call);  // (db, records, recordsLength, isSynced) -> number of records applied

// iterator.cc
napi_value OpenIterator(Call& call);   // (db, family, snapshot | 0, flags, bounds, lowerLength, upperLength) -> iterator
napi_value NextChunk(Call& call);      // (db, iterator, out, maxEntries) -> bytes filled, 0 = end, negative = bytes the next entry needs
napi_value SeekIterator(Call& call);   // (db, iterator, key, keyLength)
napi_value CloseIterator(Call& call);  // (db, iterator)

// flush.cc
napi_value Flush(Call& call);                  // (db, families) -> promise
napi_value TakeFlushOutputs(Call& call);       // (db) -> outputs
napi_value SetFlushLinkDirectory(Call& call);  // (db, directory | "")
napi_value CompactRange(Call& call);           // (db, family) -> promise
napi_value Resume(Call& call);                 // (db) -> promise

// table_calls.cc
napi_value CreateTableMemory(Call& call);   // () -> memory
napi_value AddTableChunk(Call& call);       // (memory, sizeBytes) -> ArrayBuffer
napi_value AllocateTableBlock(Call& call);  // (memory, sizeBytes, [out id]) -> ArrayBuffer
napi_value FreeTableBlock(Call& call);      // (memory, id, ArrayBuffer); detaches it
napi_value TableMemorySize(Call& call);     // (memory) -> bytes
napi_value CloseTableMemory(Call& call);    // (memory)

// drain.cc
// (db, family, memory, segments, segmentCount, segmentBytes, chunkShift, layer, directory, filePrefix, targetFileBytes) -> promise of
// files
napi_value Drain(Call& call);
napi_value WaitForCollected(Call& call);  // (db) -> whether the table may be written
// (db, at most so many ms, -1 for no limit) -> whether it succeeded, undefined where that is not known by then
napi_value WaitForDrain(Call& call);
napi_value IsDraining(Call& call);    // (db) -> boolean

// merge_calls.cc
// (db, family, [{path, sizeBytes, uniqueId, sequence, smallestKey}], directory, filePrefix, targetFileBytes) -> promise of files
napi_value MergeTables(Call& call);
napi_value CancelMerges(Call& call);  // (db)

// files.cc
napi_value LiveFiles(Call& call);     // (db, family) -> files
napi_value PinLiveFiles(Call& call);  // (db, families, directory) -> promise of files

// families.cc
napi_value ImportFiles(Call& call);       // (db, name, mergeOperator, [{directory, files}]) -> promise of the family's number
napi_value DropColumnFamily(Call& call);  // (db, family) -> promise
napi_value SetOptions(Call& call);        // (db, family, [name, value, ...]) -> promise

// clip.cc
napi_value ClipColumnFamily(Call& call);    // (db, family, lower, upper, hasUpper) -> promise
napi_value DeleteFilesInRange(Call& call);  // (db, family, lower, upper, hasUpper) -> promise

// shared_cache.cc
napi_value CreateSharedCache(Call& call);       // (capacityBytes) -> cache
napi_value SharedCacheUsage(Call& call);        // (cache) -> {capacityBytes, usedBytes, pinnedBytes}
napi_value SetSharedCacheCapacity(Call& call);  // (cache, capacityBytes)
napi_value CloseSharedCache(Call& call);        // (cache) -> whether it was open

// metrics.cc
napi_value MemoryUsage(Call& call);  // (db) -> {blockCache, blockCachePinned, tableReaders, memtables}
napi_value Statistics(Call& call);   // (db) -> {RocksDB's name of a counter: number}

// ttl.cc
napi_value SetTtl(Call& call);         // (db, family, [{stateId, ttlMs, kind}])
napi_value KeepKeyGroups(Call& call);  // (db, family, first, last)
napi_value SetTtlClock(Call& call);    // (db, nowMs)
napi_value TtlStatistics(Call& call);  // (db) -> {removed, malformed}

// module.cc
napi_value Version(Call& call);        // () -> {rocksdb, flags, commit, binding}
napi_value SetErrorClass(Call& call);  // (class): errors are made with new class(code, message)
napi_value NoOperation(Call& call);    // (number) -> number; what a call costs

}  // namespace tidemark
