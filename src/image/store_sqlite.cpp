// SPDX-License-Identifier: Apache-2.0
#include "image/store_sqlite.hpp"

#include <sqlite3.h>

#include <utility>

#include "base/cat.hpp"

namespace berth::image {
namespace {

Error failed(sqlite3* database, std::string_view what) {
  const int code = sqlite3_errcode(database);
  const bool full = code == SQLITE_FULL;
  return {full ? Code::kResourceExhausted : Code::kInternal,
          cat(what, " the image database: ", std::string_view(sqlite3_errmsg(database)), " (",
              sqlite3_extended_errcode(database), ")")};
}

}  // namespace

void Sqlite::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}
void Sqlite::Statement::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Result<Sqlite> Sqlite::open_as(const std::string& name, int flags) {
  sqlite3* raw = nullptr;
  const int code =
      sqlite3_open_v2(name.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Sqlite database;
  database.database_.reset(raw);
  if (code != SQLITE_OK)
    return Error(Code::kInternal, cat("open ", name, ": ", std::string_view(sqlite3_errstr(code))));
  return database;
}

Result<Sqlite> Sqlite::open_read_only(const std::string& path) {
  std::string escaped;
  for (const char c : path) {
    const std::string_view code = c == '%' ? "%25" : c == '?' ? "%3f" : c == '#' ? "%23" : "";
    escaped.append(code.empty() ? std::string(1, c) : std::string(code));
  }
  return open_as(cat("file:", escaped, "?immutable=1"), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
}

Result<Sqlite> Sqlite::open(const std::string& path) {
  ASSIGN_OR_RETURN(Sqlite database, open_as(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  // Exclusive before WAL: there is then no shared memory file, and nobody else can interfere.
  RETURN_IF_ERROR(database.run("PRAGMA locking_mode=EXCLUSIVE").context(path));
  RETURN_IF_ERROR(database.run("PRAGMA journal_mode=WAL").context(path));
  RETURN_IF_ERROR(database.run("PRAGMA synchronous=FULL").context(path));
  RETURN_IF_ERROR(database.run("PRAGMA foreign_keys=ON").context(path));
  return database;
}

Result<void> Sqlite::run(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failed(database_.get(), "change");
}

Result<Sqlite::Statement> Sqlite::prepare(std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return failed(database_.get(), "ask");
  Statement statement;
  statement.statement_.reset(raw);
  return statement;
}

// A value that cannot be bound leaves NULL, which the NOT NULL columns refuse in step().
Sqlite::Statement& Sqlite::Statement::bind(std::string_view text) {
  sqlite3_bind_text64(statement_.get(), next_parameter_++, text.data(), text.size(), SQLITE_TRANSIENT,
                      SQLITE_UTF8);
  return *this;
}

Sqlite::Statement& Sqlite::Statement::bind(std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), next_parameter_++, number);
  return *this;
}

Result<bool> Sqlite::Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failed(sqlite3_db_handle(statement_.get()), "use");
}

Result<void> Sqlite::Statement::finish() {
  auto done = step();
  sqlite3_reset(statement_.get());
  next_parameter_ = 1;
  if (!done) return std::move(done).error();
  return {};
}

std::string Sqlite::Statement::text(int column) const {
  const unsigned char* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Sqlite::Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

Result<SqliteTransaction> SqliteTransaction::begin(Sqlite& database) {
  RETURN_IF_ERROR(database.run("BEGIN IMMEDIATE"));
  return SqliteTransaction(&database);
}

SqliteTransaction::SqliteTransaction(SqliteTransaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

SqliteTransaction::~SqliteTransaction() {
  if (database_ != nullptr) (void)database_->run("ROLLBACK");
}

Result<void> SqliteTransaction::commit() {
  RETURN_IF_ERROR(database_->run("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace berth::image
