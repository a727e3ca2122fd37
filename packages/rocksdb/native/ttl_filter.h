// Removes expired entries and list elements while RocksDB compacts, and what is in other key groups than those kept.
// Facts it rests on (RocksDB 11.8.1):
// - A value that is removed becomes a tombstone with the same sequence number, which goes on hiding older versions, also from
//   other levels, and goes itself only when there is nothing below (CompactionIterator::InvokeFilterIfNeeded). A merge operand
//   that is removed leaves nothing, which is right for lists: every element below is judged by its own time.
// - The result of merging operands into a value is not filtered (MergeHelper::MergeUntil), so a list that is appended to all
//   the time would never be. That is why the merge operator of lists drops expired elements too (merge.cc).
// - Keys that are skipped leave no tombstone, so older versions in other levels may show again; nobody reads those key groups.
//   Tombstones that come before the first value of a stretch stay until they reach the last level. The seek to the first kept key
//   begins with the largest sequence number, so no version of a kept key is passed over.
// With a filter factory RocksDB also rewrites files after 30 days, which ends the life of what expired at the bottom.
#pragma once

#include <rocksdb/compaction_filter.h>

#include <memory>

#include "ttl_rules.h"

namespace tidemark {

// One compaction sees one table, one time and one range of key groups. Where nothing can go it runs without a filter.
std::shared_ptr<rocksdb::CompactionFilterFactory> MakeTtlFilterFactory(std::shared_ptr<const TtlRules> rules);

}  // namespace tidemark
