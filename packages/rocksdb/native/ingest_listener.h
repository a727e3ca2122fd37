// Learns which sequence number RocksDB gave to an ingested file; its API returns it nowhere else.
#pragma once

#include <rocksdb/listener.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

namespace tidemark {

struct IngestedFile {
  std::string uniqueId;  // 16 raw bytes
  uint64_t sequence = 0;
  uint64_t entryCount = 0;
  uint64_t deletionCount = 0;
};

class IngestListener final : public rocksdb::EventListener {
 public:
  void OnExternalFileIngested(rocksdb::DB* db, const rocksdb::ExternalFileIngestionInfo& info) override;

  // What was recorded for the file of this path, once; RocksDB reports before the ingestion returns.
  std::optional<IngestedFile> Take(const std::string& externalPath);

 private:
  std::mutex mutex_;
  std::map<std::string, IngestedFile> files_;
};

}  // namespace tidemark
