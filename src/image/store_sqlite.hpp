// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace berth::image {

/// One SQLite connection: exclusive, WAL, synchronous=FULL, so a committed transaction outlives a
/// power cut. The only place that knows the library. Not thread-safe.
class Sqlite {
 public:
  static Result<Sqlite> open(const std::string& path);
  /// For a file that nobody changes: takes no locks, and makes no files beside it.
  static Result<Sqlite> open_read_only(const std::string& path);
  Result<void> run(const std::string& sql);

  /// Parameters and columns in the order of the SQL. Text may be any bytes.
  class Statement {
   public:
    Statement& bind(std::string_view text);
    Statement& bind(std::int64_t number);
    Result<bool> step();    ///< true: there is a row
    Result<void> finish();  ///< for statements without rows: run, and be ready for the next values
    std::string text(int column) const;
    std::int64_t number(int column) const;

   private:
    friend class Sqlite;
    struct Finalize {
      void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
    int next_parameter_ = 1;
  };
  Result<Statement> prepare(std::string_view sql);

 private:
  static Result<Sqlite> open_as(const std::string& name, int flags);
  struct Close {
    void operator()(sqlite3* database) const;
  };
  std::unique_ptr<sqlite3, Close> database_;
};

/// Rolls back unless committed.
class SqliteTransaction {
 public:
  static Result<SqliteTransaction> begin(Sqlite& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept;
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();
  Result<void> commit();

 private:
  explicit SqliteTransaction(Sqlite* database) : database_(database) {}
  Sqlite* database_;
};

}  // namespace berth::image
