// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "pid1/cri_log.h"
#include "pid1/fd.h"
#include "pid1/shim_protocol.h"

namespace berth::pid1 {

/// systemd's journal beside a container's log file: one entry per line, in the journal's native
/// protocol. Never blocks: what the journal does not take at once is dropped.
class Journal {
 public:
  /// `socket` is connected to the journal; `fields` are lines "NAME=value" that every entry has.
  void open(Fd socket, const char* fields);
  bool is_open() const { return socket_.is_open(); }
  /// Lines; a longer one than a record of the file comes in parts, as does a last one without its newline.
  void send(LogStream stream, const char* text, size_t size);

 private:
  void send_entry(LogStream stream, const char* text, size_t size, bool is_partial);

  Fd socket_;
  size_t fields_size_ = 0;
  char fields_[sizeof(shim::Launch::journal_fields)] = {};
};

}  // namespace berth::pid1
