// SPDX-License-Identifier: Apache-2.0
#include "image/store_database.hpp"

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/failpoint.hpp"
#include "image/store_record.hpp"

namespace berth::image {
namespace {

constexpr std::int64_t kSchema = 3;  // 1: layers without tree; 2: images without signatures
constexpr int kTag = 0;
constexpr int kDigest = 1;

constexpr const char* kTables =
    "CREATE TABLE layer(number INTEGER PRIMARY KEY, chain_id TEXT NOT NULL UNIQUE, diff_id TEXT NOT NULL,"
    " size INTEGER NOT NULL, inodes INTEGER NOT NULL, tree TEXT NOT NULL DEFAULT '') STRICT;"
    "CREATE TABLE image(id TEXT PRIMARY KEY, config TEXT NOT NULL, manifest TEXT NOT NULL, record TEXT NOT "
    "NULL,"
    " created_ns INTEGER NOT NULL) STRICT;"
    "CREATE TABLE image_layer(image TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE, position INTEGER "
    "NOT NULL,"
    " layer INTEGER NOT NULL REFERENCES layer(number), PRIMARY KEY(image, position)) STRICT;"
    "CREATE TABLE name(reference TEXT PRIMARY KEY, kind INTEGER NOT NULL,"
    " image TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE) STRICT;"
    "CREATE INDEX name_by_image ON name(image);"
    "CREATE INDEX image_by_layer ON image_layer(layer);";
constexpr const char* kFrom1To2 = "ALTER TABLE layer ADD COLUMN tree TEXT NOT NULL DEFAULT '';";
constexpr const char* kFrom2To3 =
    "CREATE TABLE signature(image TEXT NOT NULL REFERENCES image(id) ON DELETE CASCADE, kind INTEGER NOT "
    "NULL,"
    " digest TEXT NOT NULL, payload TEXT NOT NULL, signature TEXT NOT NULL,"
    " PRIMARY KEY(image, kind, digest, payload, signature)) STRICT;";

}  // namespace

Result<StoreDatabase> StoreDatabase::open(const std::string& path) {
  ASSIGN_OR_RETURN(Sqlite sqlite, Sqlite::open(path));
  StoreDatabase database(std::move(sqlite));
  RETURN_IF_ERROR(database.create_tables().context(path));
  return database;
}

Result<StoreDatabase> StoreDatabase::open_read_only(const std::string& path) {
  if (exists(path + "-wal")) {
    return Error(Code::kFailedPrecondition,
                 cat(path, " was not closed: open it once with a daemon that may write, and stop that"));
  }
  ASSIGN_OR_RETURN(Sqlite sqlite, Sqlite::open_read_only(path));
  StoreDatabase database(std::move(sqlite));
  ASSIGN_OR_RETURN(const std::int64_t version, database.version());
  if (version != kSchema) {
    return Error(Code::kFailedPrecondition, cat(path, ": written by another version (schema ", version,
                                                ", this one knows ", kSchema, ")"));
  }
  return database;
}

Result<std::int64_t> StoreDatabase::version() {
  ASSIGN_OR_RETURN(Sqlite::Statement ask, sqlite_.prepare("PRAGMA user_version"));
  ASSIGN_OR_RETURN(const bool row, ask.step());
  return row ? ask.number(0) : 0;
}

Result<void> StoreDatabase::create_tables() {
  ASSIGN_OR_RETURN(const std::int64_t version, this->version());
  if (version == kSchema) return {};
  if (version > kSchema) {
    return Error(Code::kFailedPrecondition,
                 cat("written by a newer version (schema ", version, ", this one knows ", kSchema, ")"));
  }
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(sqlite_));
  if (version == 0) RETURN_IF_ERROR(sqlite_.run(kTables));
  if (version == 1) RETURN_IF_ERROR(sqlite_.run(kFrom1To2));
  RETURN_IF_ERROR(sqlite_.run(kFrom2To3));
  RETURN_IF_ERROR(sqlite_.run(cat("PRAGMA user_version=", kSchema)));
  return transaction.commit();
}

Result<StoreDatabase::Contents> StoreDatabase::load() {
  Contents contents;
  ASSIGN_OR_RETURN(Sqlite::Statement ask,
                   sqlite_.prepare("SELECT number, chain_id, diff_id, size, inodes, tree FROM layer"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ask.step());
    if (!row) break;
    ASSIGN_OR_RETURN(Digest diff_id, Digest::parse(ask.text(2)));
    contents.layers.push_back(Layer{static_cast<std::uint64_t>(ask.number(0)), std::move(diff_id),
                                    ask.text(1), static_cast<std::uint64_t>(ask.number(3)),
                                    static_cast<std::uint64_t>(ask.number(4)), ask.text(5)});
  }
  RETURN_IF_ERROR(load_images(contents));
  RETURN_IF_ERROR(load_names(contents));
  RETURN_IF_ERROR(load_signatures(contents));
  return contents;
}

Result<void> StoreDatabase::load_images(Contents& contents) {
  ASSIGN_OR_RETURN(
      Sqlite::Statement ask,
      sqlite_.prepare("SELECT id, record, length(CAST(config AS BLOB)) + length(CAST(manifest AS BLOB)),"
                      " created_ns FROM image ORDER BY id"));
  ASSIGN_OR_RETURN(Sqlite::Statement ask_layers,
                   sqlite_.prepare("SELECT image, layer FROM image_layer ORDER BY image, position"));
  std::map<std::string, std::vector<std::uint64_t>> layers;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ask_layers.step());
    if (!row) break;
    layers[ask_layers.text(0)].push_back(static_cast<std::uint64_t>(ask_layers.number(1)));
  }
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ask.step());
    if (!row) return {};
    ImageRow image;
    image.id = ask.text(0);
    auto config = parse_config_record(ask.text(1));
    if (!config) {
      contents.unreadable.push_back(image.id);
      continue;
    }
    image.config = *std::move(config);
    image.document_size = static_cast<std::uint64_t>(ask.number(2));
    image.created_ns = ask.number(3);
    image.layers = layers[image.id];
    contents.images.push_back(std::move(image));
  }
}

Result<void> StoreDatabase::load_names(Contents& contents) {
  ASSIGN_OR_RETURN(Sqlite::Statement ask, sqlite_.prepare("SELECT reference, kind, image FROM name"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ask.step());
    if (!row) return {};
    (ask.number(1) == kTag ? contents.tags : contents.digests)[ask.text(0)] = ask.text(2);
  }
}

Result<void> StoreDatabase::load_signatures(Contents& contents) {
  ASSIGN_OR_RETURN(Sqlite::Statement ask,
                   sqlite_.prepare("SELECT image, kind, digest, payload, signature FROM signature"));
  while (true) {
    ASSIGN_OR_RETURN(const bool row, ask.step());
    if (!row) return {};
    ASSIGN_OR_RETURN(Digest digest, Digest::parse(ask.text(2)));
    contents.signatures[ask.text(0)].push_back(
        {static_cast<SignatureKind>(ask.number(1)), std::move(digest), ask.text(3), ask.text(4)});
  }
}

Result<std::string> StoreDatabase::config_of(const std::string& id) {
  ASSIGN_OR_RETURN(Sqlite::Statement ask, sqlite_.prepare("SELECT config FROM image WHERE id=?"));
  ASSIGN_OR_RETURN(const bool row, ask.bind(id).step());
  if (!row) return Error(Code::kNotFound, cat("there is no image ", id));
  return ask.text(0);
}

Result<void> StoreDatabase::add(const ImageRow& image, const std::vector<Layer>& new_layers,
                                const std::vector<std::string>& tags, const std::vector<std::string>& digests,
                                const std::vector<Signature>& signatures) {
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(sqlite_));
  RETURN_IF_ERROR(add_layers(new_layers));
  ASSIGN_OR_RETURN(Sqlite::Statement add_image,
                   sqlite_.prepare("INSERT INTO image VALUES(?,?,?,?,?) ON CONFLICT(id) DO NOTHING"));
  add_image.bind(image.id).bind(image.config_json).bind(image.manifest_json);
  add_image.bind(format_config_record(image.config)).bind(image.created_ns);
  RETURN_IF_ERROR(add_image.finish());
  ASSIGN_OR_RETURN(
      Sqlite::Statement add_part,
      sqlite_.prepare("INSERT INTO image_layer VALUES(?,?,?) ON CONFLICT(image, position) DO NOTHING"));
  for (std::size_t position = 0; position < image.layers.size(); ++position) {
    add_part.bind(image.id)
        .bind(static_cast<std::int64_t>(position))
        .bind(static_cast<std::int64_t>(image.layers[position]));
    RETURN_IF_ERROR(add_part.finish());
  }
  RETURN_IF_ERROR(add_names(image.id, tags, kTag));
  RETURN_IF_ERROR(add_names(image.id, digests, kDigest));
  RETURN_IF_ERROR(add_signatures(image.id, signatures));
  if (failpoint("image.commit")) return Error(Code::kInternal, "failpoint image.commit");
  return transaction.commit();
}

/// One that is there already under another number is replaced, in all images.
Result<void> StoreDatabase::add_layers(const std::vector<Layer>& layers) {
  RETURN_IF_ERROR(sqlite_.run("PRAGMA defer_foreign_keys=ON"));  // until the end of the transaction
  ASSIGN_OR_RETURN(Sqlite::Statement move, sqlite_.prepare("UPDATE image_layer SET layer=? WHERE layer="
                                                           "(SELECT number FROM layer WHERE chain_id=?)"));
  ASSIGN_OR_RETURN(Sqlite::Statement forget, sqlite_.prepare("DELETE FROM layer WHERE chain_id=?"));
  ASSIGN_OR_RETURN(Sqlite::Statement add, sqlite_.prepare("INSERT INTO layer VALUES(?,?,?,?,?,?)"));
  for (const Layer& layer : layers) {
    const auto number = static_cast<std::int64_t>(layer.number);
    RETURN_IF_ERROR(move.bind(number).bind(layer.chain_id).finish());
    RETURN_IF_ERROR(forget.bind(layer.chain_id).finish());
    add.bind(number).bind(layer.chain_id).bind(layer.diff_id.text());
    add.bind(static_cast<std::int64_t>(layer.size)).bind(static_cast<std::int64_t>(layer.inodes));
    RETURN_IF_ERROR(add.bind(layer.tree).finish());
  }
  return {};
}

Result<void> StoreDatabase::set_tree(std::uint64_t number, const std::string& tree) {
  ASSIGN_OR_RETURN(Sqlite::Statement set, sqlite_.prepare("UPDATE layer SET tree=? WHERE number=?"));
  return set.bind(tree).bind(static_cast<std::int64_t>(number)).finish();
}

Result<void> StoreDatabase::add_names(const std::string& id, const std::vector<std::string>& names,
                                      int kind) {
  ASSIGN_OR_RETURN(Sqlite::Statement add, sqlite_.prepare("INSERT OR REPLACE INTO name VALUES(?,?,?)"));
  for (const std::string& name : names)
    RETURN_IF_ERROR(add.bind(name).bind(std::int64_t{kind}).bind(id).finish());
  return {};
}

Result<void> StoreDatabase::add_signatures(const std::string& id, const std::vector<Signature>& signatures) {
  ASSIGN_OR_RETURN(Sqlite::Statement add,
                   sqlite_.prepare("INSERT OR IGNORE INTO signature VALUES(?,?,?,?,?)"));
  for (const Signature& each : signatures) {
    add.bind(id).bind(static_cast<std::int64_t>(each.kind)).bind(each.digest.text());
    RETURN_IF_ERROR(add.bind(each.payload).bind(each.signature).finish());
  }
  return {};
}

Result<void> StoreDatabase::remove_images(const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(sqlite_));
  ASSIGN_OR_RETURN(Sqlite::Statement remove, sqlite_.prepare("DELETE FROM image WHERE id=?"));
  for (const std::string& id : ids) RETURN_IF_ERROR(remove.bind(id).finish());
  return transaction.commit();
}

Result<void> StoreDatabase::remove_layers(const std::vector<std::uint64_t>& numbers) {
  if (numbers.empty()) return {};
  ASSIGN_OR_RETURN(SqliteTransaction transaction, SqliteTransaction::begin(sqlite_));
  ASSIGN_OR_RETURN(Sqlite::Statement remove, sqlite_.prepare("DELETE FROM layer WHERE number=?"));
  for (const std::uint64_t number : numbers)
    RETURN_IF_ERROR(remove.bind(static_cast<std::int64_t>(number)).finish());
  return transaction.commit();
}

}  // namespace berth::image
