// Making column families, empty or from files, dropping them and changing their options.
#include <rocksdb/comparator.h>
#include <rocksdb/metadata.h>
#include <rocksdb/slice.h>
#include <sys/stat.h>

#include <cerrno>
#include <set>
#include <string>
#include <unordered_map>

#include "functions.h"
#include "instance.h"
#include "options.h"
#include "work.h"

namespace tidemark {
namespace {

constexpr double kMaxSafe = 9007199254740991.0;
constexpr size_t kMaxKeyHex = 64u << 20;
// The 8 bytes of sequence number and type that end an internal key.
constexpr size_t kInternalKeyTail = 8;

std::string ReadHex(napi_env env, napi_value object, const char* name) {
  const std::string text = ReadText(env, ReadProperty(env, object, name), name, kMaxKeyHex, true);
  std::string bytes;
  if (!text.empty() && !rocksdb::Slice(text).DecodeHex(&bytes)) Invalid(std::string(name) + " must be a hexadecimal string");
  return bytes;
}

uint64_t ReadCount(napi_env env, napi_value object, const char* name, double max = kMaxSafe) {
  return static_cast<uint64_t>(ReadNumber(env, ReadProperty(env, object, name), name, 0, max));
}

rocksdb::LiveFileMetaData ReadImportFile(napi_env env, napi_value object, const std::string& directory) {
  rocksdb::LiveFileMetaData file;
  file.relative_filename = ReadText(env, ReadProperty(env, object, "name"), "the name of a file", 255, false);
  if (file.relative_filename.find('/') != std::string::npos || file.relative_filename == "." || file.relative_filename == "..") {
    Invalid("the file name " + file.relative_filename + " must be a plain name inside the directory");
  }
  file.name = "/" + file.relative_filename;
  file.db_path = directory;
  file.directory = directory;
  file.level = static_cast<int>(ReadCount(env, object, "level", 6));
  file.size = ReadCount(env, object, "sizeBytes");
  file.smallest_seqno = ReadCount(env, object, "smallestSequence");
  file.largest_seqno = ReadCount(env, object, "largestSequence");
  file.epoch_number = ReadCount(env, object, "epoch");
  file.smallest = ReadHex(env, object, "smallestInternalKey");
  file.largest = ReadHex(env, object, "largestInternalKey");
  file.smallestkey = ReadHex(env, object, "smallestKey");
  file.largestkey = ReadHex(env, object, "largestKey");
  if (file.smallest_seqno > file.largest_seqno) Invalid("the sequence numbers of " + file.relative_filename + " are reversed");
  const bool hasBounds = !file.smallest.empty() || !file.largest.empty();
  if (hasBounds && (file.smallest.size() < kInternalKeyTail || file.largest.size() < kInternalKeyTail)) {
    Invalid("the internal keys of " + file.relative_filename + " must both be given or both be empty");
  }
  return file;
}

// RocksDB believes the size it is told, and would read the footer at the wrong place.
void CheckFileOnDisk(const rocksdb::LiveFileMetaData& file) {
  const std::string path = file.directory + file.name;
  struct stat info;
  if (stat(path.c_str(), &info) != 0) throw FailureFromErrno(errno, "cannot import " + path);
  if (!S_ISREG(info.st_mode)) Invalid("cannot import " + path + ": it is not a regular file");
  if (static_cast<uint64_t>(info.st_size) == file.size) return;
  throw Failure{kStateCorrupt, "cannot import " + path + ": it has " + std::to_string(info.st_size) + " bytes instead of " +
                                   std::to_string(file.size)};
}

// Entries that were compacted all the way have the sequence number 0. A snapshot may not have it too: compactions take 0 for "no
// snapshot" (prev_snapshot in db/compaction/compaction_iterator.cc) and would merge or drop what only the snapshot can see.
void LeaveSequenceZero(Database& database) {
  if (database.db->GetLatestSequenceNumber() > 0) return;
  // Nothing was ever written, so there is nothing that this deletes.
  Check(database.db->Delete(database.writeOptions, rocksdb::Slice("")), "cannot prepare an import");
}

using Sources = std::vector<rocksdb::ExportImportFilesMetaData>;

rocksdb::ColumnFamilyHandle* ImportFamily(Database& database, const std::string& name, MergeKind kind, const std::shared_ptr<TtlRules>& ttl,
                                          const Sources& sources) {
  rocksdb::ColumnFamilyHandle* handle = nullptr;
  const rocksdb::ColumnFamilyOptions options = database.FamilyOptions(kind, ttl);
  if (sources.empty()) {
    // RocksDB refuses to import nothing.
    Check(database.db->CreateColumnFamily(options, name, &handle), "cannot create a column family");
    return handle;
  }
  std::vector<const rocksdb::ExportImportFilesMetaData*> pointers;
  for (const rocksdb::ExportImportFilesMetaData& source : sources) {
    for (const rocksdb::LiveFileMetaData& file : source.files) CheckFileOnDisk(file);
    pointers.push_back(&source);
  }
  LeaveSequenceZero(database);
  rocksdb::ImportColumnFamilyOptions importOptions;
  importOptions.move_files = true;
  const rocksdb::Status status =
      database.db->CreateColumnFamilyWithImport(options, name, importOptions, pointers, &handle);
  if (!status.ok()) throw FailureFromStatus(status, "cannot import the column family \"" + name + "\"");
  return handle;
}

rocksdb::ExportImportFilesMetaData ReadSource(napi_env env, napi_value object, const std::string& name) {
  rocksdb::ExportImportFilesMetaData source;
  source.db_comparator_name = rocksdb::BytewiseComparator()->Name();
  const std::string directory = ReadText(env, ReadProperty(env, object, "directory"), "directory", 4096, true);
  napi_value list = ReadProperty(env, object, "files");
  const uint32_t count = ReadArrayLength(env, list, "files", 1000000);
  if (count > 0 && directory.empty()) Invalid("the directory of the files to import is missing");
  std::set<std::string> names;
  for (uint32_t index = 0; index < count; index++) {
    source.files.push_back(ReadImportFile(env, ReadElement(env, list, index), directory));
    source.files.back().column_family_name = name;
    if (!names.insert(source.files.back().name).second) Invalid("a file is listed twice: " + source.files.back().name);
  }
  return source;
}

}  // namespace

napi_value ImportFiles(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::string name = call.Text(1, "the name of the column family", 1024);
  const MergeKind kind = ReadMergeKind(call.env, call.Argument(2, "mergeOperator"), "mergeOperator");
  for (const auto& family : database->families) {
    if (family != nullptr && family->name == name) Invalid("the column family \"" + name + "\" exists already");
  }
  Sources sources;
  napi_value list = call.Argument(3, "sources");
  const uint32_t count = ReadArrayLength(call.env, list, "sources", 65536);
  for (uint32_t index = 0; index < count; index++) {
    rocksdb::ExportImportFilesMetaData source = ReadSource(call.env, ReadElement(call.env, list, index), name);
    if (!source.files.empty()) sources.push_back(std::move(source));
  }
  const auto made = std::make_shared<std::shared_ptr<ColumnFamily>>();
  WorkItem item;
  item.run = [database, name, kind, sources, made] {
    const auto ttl = std::make_shared<TtlRules>(database->ttlClock);
    rocksdb::ColumnFamilyHandle* handle = ImportFamily(*database, name, kind, ttl, sources);
    *made = std::make_shared<ColumnFamily>(database->db.get(), handle, name, kind, ttl);
  };
  item.result = [database, made](napi_env env) {
    // The records of a batch name column families with 16 bits.
    if (database->families.size() > UINT16_MAX) throw Failure{kRocksDB, "more than 65,536 column families were made"};
    database->families.push_back(*made);
    return MakeNumber(env, static_cast<double>(database->families.size() - 1));
  };
  return StartWork(call, database, std::move(item));
}

napi_value DropColumnFamily(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const uint32_t id = call.Uint32(1, "column family");
  const std::shared_ptr<ColumnFamily> family = database->Family(id);
  if (family->name == rocksdb::kDefaultColumnFamilyName) Invalid("the column family \"default\" cannot be dropped");
  // From here on its number is refused; open iterators on it stay valid.
  database->families[id] = nullptr;
  WorkItem item;
  item.run = [database, family] { Check(database->db->DropColumnFamily(family->handle), "cannot drop a column family"); };
  return StartWork(call, database, std::move(item));
}

napi_value SetOptions(Call& call) {
  const std::shared_ptr<Database> database = FindDatabase(call, 0);
  const std::shared_ptr<ColumnFamily> family = database->Family(call.Uint32(1, "column family"));
  napi_value list = call.Argument(2, "options");
  const uint32_t count = ReadArrayLength(call.env, list, "options", 1000);
  if (count == 0 || count % 2 != 0) Invalid("options must be name and value pairs");
  std::unordered_map<std::string, std::string> values;
  for (uint32_t index = 0; index < count; index += 2) {
    std::string name = ReadText(call.env, ReadElement(call.env, list, index), "an option's name", 256, false);
    values[name] = ReadText(call.env, ReadElement(call.env, list, index + 1), "option " + name, 4096, true);
  }
  WorkItem item;
  item.run = [database, family, values] { Check(database->db->SetOptions(family->handle, values), "cannot set options"); };
  return StartWork(call, database, std::move(item));
}

}  // namespace tidemark
