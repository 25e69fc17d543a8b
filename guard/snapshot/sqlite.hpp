// SPDX-License-Identifier: Apache-2.0
#pragma once

// SQLite with owners and Results. Errors name the database file and carry an errno: ENOSPC when the
// disk is full, EBUSY when somebody else holds the lock for too long, EBADMSG when the file is
// damaged or no database at all; 0 for a mistake in the SQL.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "policy/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace mixguard::guard::sqlite {

// A connection. Several threads may use it, one after the other; whoever needs several statements
// to go together locks for himself.
class Database {
 public:
  // Makes the file when it is absent. Write-ahead log, synchronous=NORMAL: after a
  // power cut the last transactions may be missing, never a part of one.
  static Result<Database> open(const std::string& path);

  [[nodiscard]] sqlite3* get() const { return handle_.get(); }

 private:
  struct Closer {
    void operator()(sqlite3* handle) const;
  };
  std::unique_ptr<sqlite3, Closer> handle_;
};

// Runs statements that return nothing of interest.
Result<void> run(sqlite3* database, const char* sql);

// A prepared statement, used as often as wanted: bind, step until false, and again. A statement
// that was not stepped to its end keeps its snapshot of the database until reset().
class Statement {
 public:
  static Result<Statement> prepare(sqlite3* database, std::string_view sql);

  // Parameters count from 1. Bytes are not copied: they must stay until the statement is reset. A
  // value that cannot be bound is reported by the next step().
  Statement& bind(int at, std::int64_t value);
  Statement& bind_blob(int at, std::string_view bytes);

  // True: there is a row. False: that was all, and the statement is reset, as it is on failure.
  Result<bool> step();
  // Steps to the end; rows are passed over.
  Result<void> finish();
  void reset();

  // Columns of the current row count from 0. Views end with the next step() or reset().
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] std::string_view blob(int column) const;

 private:
  struct Finaliser {
    void operator()(sqlite3_stmt* handle) const;
  };
  void note(int code);

  std::unique_ptr<sqlite3_stmt, Finaliser> handle_;
  int unbound_ = 0;  // what the first bind that failed said
};

// A write transaction: takes the lock at once, and undoes everything unless it is committed.
class Transaction {
 public:
  static Result<Transaction> begin(sqlite3* database);
  Transaction(Transaction&& other) noexcept;
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(sqlite3* database) : database_(database) {}
  sqlite3* database_;
};

}  // namespace mixguard::guard::sqlite
