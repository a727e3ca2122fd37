#include "ingest_listener.h"

#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>

#include <exception>
#include <utility>

namespace tidemark {

void IngestListener::OnExternalFileIngested(rocksdb::DB*, const rocksdb::ExternalFileIngestionInfo& info) {
  // An exception must not enter RocksDB, which is built to run without them; Take then finds nothing.
  try {
    IngestedFile file;
    if (!rocksdb::GetUniqueIdFromTableProperties(info.table_properties, &file.uniqueId).ok()) file.uniqueId.clear();
    file.sequence = info.global_seqno;
    file.entryCount = info.table_properties.num_entries;
    file.deletionCount = info.table_properties.num_deletions;
    std::lock_guard<std::mutex> guard(mutex_);
    files_[info.external_file_path] = std::move(file);
  } catch (const std::exception&) {
  }
}

std::optional<IngestedFile> IngestListener::Take(const std::string& externalPath) {
  std::lock_guard<std::mutex> guard(mutex_);
  const auto found = files_.find(externalPath);
  if (found == files_.end()) return std::nullopt;
  IngestedFile file = std::move(found->second);
  files_.erase(found);
  return file;
}

}  // namespace tidemark
