// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/sqlite.hpp"

#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace mixguard::guard::sqlite {
namespace {

constexpr int kPatience = 10'000;  // milliseconds

int system_errno(sqlite3* database, int otherwise) {
  const int code = sqlite3_system_errno(database);
  return code != 0 ? code : otherwise;
}

int errno_of(sqlite3* database, int code) {
  // Space for the shared memory is taken when it is made; SQLite has its own word for no space
  // there.
  if (code == SQLITE_IOERR_SHMSIZE) return ENOSPC;
  switch (code & 0xff) {
    case SQLITE_FULL:
      return ENOSPC;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return EBADMSG;
    case SQLITE_READONLY:
      return EROFS;
    case SQLITE_NOMEM:
      return ENOMEM;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      return system_errno(database, EIO);
    default:
      return 0;
  }
}

tl::unexpected<Error> failure(sqlite3* database, int code) {
  const int number = errno_of(database, code);
  const char* path = sqlite3_db_filename(database, "main");
  const char* text = number == ENOSPC ? std::strerror(ENOSPC) : sqlite3_errmsg(database);
  return fail("use " + std::string(path != nullptr ? path : "the index") + ": " + text, number);
}

std::string_view bytes_at(const void* data, int size) {
  return {static_cast<const char*>(data), data == nullptr ? 0 : static_cast<std::size_t>(size)};
}

// SQLite takes a null pointer for NULL; an empty value is not that.
const char* address(std::string_view bytes) { return bytes.empty() ? "" : bytes.data(); }

}  // namespace

void Database::Closer::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

Result<Database> Database::open(const std::string& path) {
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  Database database;
  database.handle_.reset(raw);
  if (raw == nullptr) return fail("open " + path + ": " + std::strerror(ENOMEM), ENOMEM);
  sqlite3_extended_result_codes(raw, 1);
  if (code != SQLITE_OK) {
    const int number = errno_of(raw, code);
    return fail("open " + path + ": " + (number > 0 ? std::strerror(number) : sqlite3_errmsg(raw)),
                number);
  }
  sqlite3_busy_timeout(raw, kPatience);
  // The log is carried over when it has grown, not by every process that ends: that takes two
  // syncs.
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (auto set = run(raw, "PRAGMA synchronous=NORMAL; PRAGMA journal_mode=WAL"); !set)
    return propagate(set);
  return database;
}

Result<void> run(sqlite3* database, const char* sql) {
  const int code = sqlite3_exec(database, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failure(database, code);
  return {};
}

void Statement::Finaliser::operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }

Result<Statement> Statement::prepare(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* raw = nullptr;
  const int code =
      sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &raw, nullptr);
  if (code != SQLITE_OK) return failure(database, code);
  Statement statement;
  statement.handle_.reset(raw);
  return statement;
}

void Statement::note(int code) {
  if (unbound_ == SQLITE_OK) unbound_ = code;
}

Statement& Statement::bind(int at, std::int64_t value) {
  note(sqlite3_bind_int64(handle_.get(), at, value));
  return *this;
}

Statement& Statement::bind_blob(int at, std::string_view bytes) {
  note(sqlite3_bind_blob64(handle_.get(), at, address(bytes), bytes.size(), SQLITE_STATIC));
  return *this;
}

Result<bool> Statement::step() {
  int code = std::exchange(unbound_, SQLITE_OK);
  if (code == SQLITE_OK) code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(handle_.get());
    return false;
  }
  auto failed = failure(sqlite3_db_handle(handle_.get()), code);
  sqlite3_reset(handle_.get());
  return failed;
}

Result<void> Statement::finish() {
  for (;;) {
    const auto row = step();
    if (!row) return propagate(row);
    if (!*row) return {};
  }
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}

std::string_view Statement::blob(int column) const {
  const void* data = sqlite3_column_blob(handle_.get(), column);
  return bytes_at(data, sqlite3_column_bytes(handle_.get(), column));
}

Result<Transaction> Transaction::begin(sqlite3* database) {
  if (auto begun = run(database, "BEGIN IMMEDIATE"); !begun) return propagate(begun);
  return Transaction(database);
}

Transaction::Transaction(Transaction&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Transaction::~Transaction() {
  // A failure that SQLite answered with a rollback of its own leaves nothing to undo.
  if (database_ != nullptr && sqlite3_get_autocommit(database_) == 0)
    sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> Transaction::commit() {
  auto committed = run(database_, "COMMIT");
  if (committed) database_ = nullptr;
  return committed;
}

}  // namespace mixguard::guard::sqlite
