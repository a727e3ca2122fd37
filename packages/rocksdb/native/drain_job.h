// One drain: a layer of a table sorted, written to table files and ingested. No memtable and no flush: 500,000 entries take a
// tenth of the time that way, and the files are the delta of a checkpoint.
#pragma once

#include <cstdint>
#include <memory>

#include "collected_layer.h"
#include "table_job.h"

namespace tidemark {

class Database;
struct ColumnFamily;

struct DrainJob : TableJob {
  ~DrainJob() { Release(); }

  // Copies the layer out of the table, which may be written then; never throws. Runs on a thread of ordinary priority.
  void Collect();
  // Fills files or failure; never throws. Runs on the thread of drains, after Collect().
  void Run();
  // Lets go of the table and the column family.
  void Release();

  Database* database = nullptr;  // outlives its thread of drains
  std::shared_ptr<ColumnFamily> family;
  TableLayer layer;
  uint64_t memoryDrain = 0;  // from TableMemory::BeginDrain; 0 once it has ended
  // Is told the number of the layer as soon as the table may be written again; null when nobody asks.
  std::shared_ptr<Memory> progress;

  // Under the lock of the threads of drains: Collect() has ended; and the table may be written.
  bool isCollected = false;
  bool hasCollected = false;
  std::shared_ptr<CollectedLayer> collected;
};

}  // namespace tidemark
