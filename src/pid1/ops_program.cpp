// SPDX-License-Identifier: Apache-2.0
// Which program, and the last step into it.

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pid1/ops.h"

namespace berth::pid1 {
namespace {

/// Of the errors met along a search path the one that helps: a program that may not be run beats
/// one that is not there.
class SearchError {
 public:
  /// False when the search must stop.
  bool note(int err) {
    if (err == EACCES) denied_ = true;
    other_ = err == ENOENT || err == ENOTDIR || err == EACCES ? other_ : err;
    return other_ == 0;
  }
  int result() const { return other_ != 0 ? other_ : (denied_ ? EACCES : ENOENT); }

 private:
  bool denied_ = false;
  int other_ = 0;
};

int check_executable(const char* path) {
  struct stat status = {};
  if (::stat(path, &status) != 0) return errno;
  if (!S_ISREG(status.st_mode)) return EACCES;
  return ::faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/// Turns a table of string offsets into the pointers that execve wants, in place: the mapping is
/// private, and only this child sees the change.
char** to_pointers(const Child& child, uint32_t table, uint32_t count) {
  uint64_t* words = child.plan.table(table);
  for (uint32_t i = 0; i < count; ++i) {
    words[i] = reinterpret_cast<uint64_t>(child.plan.text(static_cast<uint32_t>(words[i])));
  }
  return reinterpret_cast<char**>(words);
}

const char* candidate(const Child& child, uint32_t index) {
  const uint64_t* table = child.plan.table(child.plan.header().candidates);
  return child.plan.text(static_cast<uint32_t>(table[index]));
}

}  // namespace

int find_program(Child& child, const plan::Op&) {
  SearchError error;
  for (uint32_t i = 0; i < child.plan.header().candidate_count; ++i) {
    const int err = check_executable(candidate(child, i));
    if (err == 0) return 0;
    if (!error.note(err)) break;
  }
  return error.result();
}

int execute_program(Child& child, const plan::Op&) {
  static_assert(sizeof(char*) == sizeof(uint64_t));
  const plan::Header& header = child.plan.header();
  char** argv = to_pointers(child, header.argv, header.argc);
  char** envp = to_pointers(child, header.envp, header.envc);
  SearchError error;
  for (uint32_t i = 0; i < header.candidate_count; ++i) {
    ::execve(candidate(child, i), argv, envp);
    if (!error.note(errno)) break;
  }
  return error.result();
}

}  // namespace berth::pid1
