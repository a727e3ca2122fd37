// The table files a column family consists of: describing them, and pinning them by hard links.
#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>
#include <rocksdb/unique_id.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "family_list.h"
#include "functions.h"
#include "instance.h"
#include "link_file.h"
#include "work.h"

namespace tidemark {
namespace {

struct TableFile {
  std::string columnFamily;
  int level;
  std::string uniqueId;
  rocksdb::SstFileMetaData metadata;
};

// Metadata and properties come from two calls; a compaction between them changes the files, and then they are read again.
constexpr int kReadAttempts = 1000;

bool AddUniqueIds(const rocksdb::TablePropertiesCollection& properties, std::vector<TableFile>* files) {
  for (TableFile& file : *files) {
    const auto found = properties.find(file.metadata.directory + "/" + file.metadata.relative_filename);
    if (found == properties.end()) return false;
    if (!rocksdb::GetUniqueIdFromTableProperties(*found->second, &file.uniqueId).ok()) file.uniqueId.clear();
  }
  return true;
}

std::vector<TableFile> ReadLiveFiles(rocksdb::DB& db, const ColumnFamily& family) {
  for (int attempt = 0; attempt < kReadAttempts; attempt++) {
    rocksdb::ColumnFamilyMetaData metadata;
    db.GetColumnFamilyMetaData(family.handle, &metadata);
    std::vector<TableFile> files;
    for (const rocksdb::LevelMetaData& level : metadata.levels) {
      for (const rocksdb::SstFileMetaData& file : level.files) files.push_back({family.name, level.level, "", file});
    }
    rocksdb::TablePropertiesCollection properties;
    Check(db.GetPropertiesOfAllTables(family.handle, &properties), "cannot read the properties of the live files");
    if (AddUniqueIds(properties, &files)) return files;
  }
  throw Failure{kRocksDB, "the live files changed all the time while they were listed: try again"};
}

napi_value DescribeFiles(napi_env env, const std::vector<TableFile>& files) {
  napi_value list = MakeArray(env, files.size());
  for (size_t index = 0; index < files.size(); index++) {
    const TableFile& file = files[index];
    const rocksdb::SstFileMetaData& metadata = file.metadata;
    napi_value entry = MakeObject(env);
    SetProperty(env, entry, "name", MakeText(env, metadata.relative_filename));
    SetProperty(env, entry, "columnFamily", MakeText(env, file.columnFamily));
    SetProperty(env, entry, "level", MakeNumber(env, file.level));
    SetProperty(env, entry, "sizeBytes", MakeSafeNumber(env, metadata.size, "a file size"));
    SetProperty(env, entry, "smallestSequence", MakeSafeNumber(env, metadata.smallest_seqno, "a sequence number"));
    SetProperty(env, entry, "largestSequence", MakeSafeNumber(env, metadata.largest_seqno, "a sequence number"));
    SetProperty(env, entry, "smallestInternalKey", MakeHex(env, metadata.smallest));
    SetProperty(env, entry, "largestInternalKey", MakeHex(env, metadata.largest));
    SetProperty(env, entry, "smallestKey", MakeHex(env, metadata.smallestkey));
    SetProperty(env, entry, "largestKey", MakeHex(env, metadata.largestkey));
    SetProperty(env, entry, "epoch", MakeSafeNumber(env, metadata.epoch_number, "an epoch number"));
    SetProperty(env, entry, "entryCount", MakeSafeNumber(env, metadata.num_entries, "a number of entries"));
    SetProperty(env, entry, "deletionCount", MakeSafeNumber(env, metadata.num_deletions, "a number of deletions"));
    SetProperty(env, entry, "uniqueId", MakeHex(env, file.uniqueId));
    // RocksDB forgets the checksum of an imported file and then says "".
    SetProperty(env, entry, "checksum", MakeHex(env, metadata.file_checksum));
    SetElement(env, list, index, entry);
  }
  return list;
}

// Balances DisableFileDeletions, which counts, also when something in between fails.
class DeletionPause {
 public:
  explicit DeletionPause(rocksdb::DB& db) : db_(db) { Check(db_.DisableFileDeletions(), "cannot pause file deletions"); }
  ~DeletionPause() { db_.EnableFileDeletions().PermitUncheckedError(); }
  DeletionPause(const DeletionPause&) = delete;
  DeletionPause& operator=(const DeletionPause&) = delete;

 private:
  rocksdb::DB& db_;
};

void LinkAll(const std::vector<TableFile>& files, const std::string& directory) {
  std::vector<std::string> made;
  for (const TableFile& file : files) {
    const std::string source = file.metadata.directory + "/" + file.metadata.relative_filename;
    const std::string target = directory + "/" + file.metadata.relative_filename;
    int error = 0;
    const LinkOutcome outcome = LinkOrCopyFile(source, target, &error);
    if (outcome == LinkOutcome::kLinked || outcome == LinkOutcome::kCopied) made.push_back(target);
    if (outcome != LinkOutcome::kFailed) continue;
    for (const std::string& path : made) unlink(path.c_str());
    throw FailureFromErrno(error, "cannot pin " + source + " as " + target + "; nothing was pinned");
  }
}

std::vector<TableFile> PinFiles(rocksdb::DB& db, const std::vector<std::shared_ptr<ColumnFamily>>& families,
                                const std::string& directory) {
  const DeletionPause pause(db);
  std::vector<TableFile> files;
  for (const auto& family : families) {
    for (TableFile& file : ReadLiveFiles(db, *family)) files.push_back(std::move(file));
  }
  LinkAll(files, directory);
  return files;
}

}  // namespace

napi_value LiveFiles(Call& call) {
  Database& database = *FindDatabase(call, 0);
  return DescribeFiles(call.env, ReadLiveFiles(*database.db, *database.Family(call.Uint32(1, "column family"))));
}

napi_value PinLiveFiles(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const auto families = ReadFamilies(call, *database, 1);
  const std::string directory = call.Text(2, "directory");
  const auto files = std::make_shared<std::vector<TableFile>>();
  WorkItem item;
  item.run = [database, families, directory, files] { *files = PinFiles(*database->db, families, directory); };
  item.result = [files](napi_env env) { return DescribeFiles(env, *files); };
  return StartWork(call, database, std::move(item));
}

}  // namespace tidemark
