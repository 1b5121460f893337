// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace berth::daemon::streaming {

/// A certificate with its key, and what may be spoken with it. Immutable.
class TlsSettings {
 public:
  /// `min_version` is "1.2" or "1.3".
  static Result<std::shared_ptr<const TlsSettings>> load(const std::string& certificate,
                                                         const std::string& key,
                                                         const std::string& min_version);
  ssl_ctx_st* context() const { return context_.get(); }

 private:
  explicit TlsSettings(std::shared_ptr<ssl_ctx_st> context) : context_(std::move(context)) {}
  std::shared_ptr<ssl_ctx_st> context_;
};

/// TLS over a socket that never blocks. The peer may not renegotiate, so reading never waits for
/// writing or the other way round.
class TlsStream {
 public:
  TlsStream(const TlsSettings& settings, int socket);
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;
  ~TlsStream();

  /// What a call needs before it can go on: POLLIN or POLLOUT; 0: it is done; -1: it has failed.
  int handshake();
  int read(std::span<char> into, std::size_t& count);  ///< -1 also at the end
  int write(std::string_view bytes, std::size_t& count);
  bool has_buffered() const;
  void close_notify();

 private:
  int wanted(int result);
  ssl_st* ssl_;
};

/// The settings of two files, loaded again when these have changed. A new pair that cannot be used
/// is reported, and the old one goes on.
class TlsFiles {
 public:
  TlsFiles(std::string certificate, std::string key, std::string min_version)
      : certificate_(std::move(certificate)), key_(std::move(key)), min_version_(std::move(min_version)) {}
  Result<std::shared_ptr<const TlsSettings>> current();

 private:
  struct Stamp {
    ino_t inode = 0;
    timespec changed{};
    bool operator==(const Stamp& other) const {
      return inode == other.inode && changed.tv_sec == other.changed.tv_sec &&
             changed.tv_nsec == other.changed.tv_nsec;
    }
  };
  static Stamp stamp_of(const std::string& path);
  const std::string certificate_, key_, min_version_;
  std::mutex mutex_;
  Stamp certificate_stamp_, key_stamp_;
  std::shared_ptr<const TlsSettings> settings_;
};

}  // namespace berth::daemon::streaming
