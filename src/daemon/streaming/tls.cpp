// SPDX-License-Identifier: Apache-2.0
#include "daemon/streaming/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/stat.h>

#include <ctime>

#include "base/cat.hpp"
#include "base/log.hpp"

namespace berth::daemon::streaming {
namespace {

Error failed(std::string what) {
  char words[256] = "unknown reason";
  if (const auto code = ::ERR_get_error(); code != 0) ::ERR_error_string_n(code, words, sizeof words);
  ::ERR_clear_error();
  return {Code::kFailedPrecondition, cat(what, ": ", std::string_view(words))};
}

}  // namespace

Result<std::shared_ptr<const TlsSettings>> TlsSettings::load(const std::string& certificate,
                                                             const std::string& key,
                                                             const std::string& min_version) {
  const std::shared_ptr<SSL_CTX> context(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free);
  if (!context) return failed("set up TLS");
  const int oldest = min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
  if (::SSL_CTX_set_min_proto_version(context.get(), oldest) != 1) return failed("set the least TLS version");
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  if (::SSL_CTX_use_certificate_chain_file(context.get(), certificate.c_str()) != 1)
    return failed(cat("read the TLS certificate ", certificate));
  if (::SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1)
    return failed(cat("read the TLS key ", key));
  if (::SSL_CTX_check_private_key(context.get()) != 1)
    return failed(cat("match the TLS key ", key, " with the certificate ", certificate));
  return std::shared_ptr<const TlsSettings>(new TlsSettings(context));
}

TlsStream::TlsStream(const TlsSettings& settings, int socket) : ssl_(::SSL_new(settings.context())) {
  if (ssl_ == nullptr) return;
  ::SSL_set_fd(ssl_, socket);
  ::SSL_set_accept_state(ssl_);
}

TlsStream::~TlsStream() {
  ::SSL_free(ssl_);
}

int TlsStream::wanted(int result) {
  if (result > 0) return 0;
  switch (::SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ:
      return POLLIN;
    case SSL_ERROR_WANT_WRITE:
      return POLLOUT;
    default:
      ::ERR_clear_error();  // the queue is the thread's, and the thread serves others
      return -1;
  }
}

int TlsStream::handshake() {
  return ssl_ == nullptr ? -1 : wanted(::SSL_do_handshake(ssl_));
}

int TlsStream::read(std::span<char> into, std::size_t& count) {
  return wanted(::SSL_read_ex(ssl_, into.data(), into.size(), &count));
}

int TlsStream::write(std::string_view bytes, std::size_t& count) {
  return wanted(::SSL_write_ex(ssl_, bytes.data(), bytes.size(), &count));
}

bool TlsStream::has_buffered() const {
  return ::SSL_has_pending(ssl_) == 1;
}

void TlsStream::close_notify() {
  if (::SSL_is_init_finished(ssl_) == 1) (void)wanted(::SSL_shutdown(ssl_));
}

TlsFiles::Stamp TlsFiles::stamp_of(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_mtim};
}

Result<std::shared_ptr<const TlsSettings>> TlsFiles::current() {
  const std::lock_guard lock(mutex_);
  const Stamp certificate = stamp_of(certificate_);
  const Stamp key = stamp_of(key_);
  if (settings_ && certificate == certificate_stamp_ && key == key_stamp_) return settings_;
  certificate_stamp_ = certificate;
  key_stamp_ = key;
  auto loaded = TlsSettings::load(certificate_, key_, min_version_);
  if (loaded) {
    if (settings_) log::info("the streaming server's certificate was loaded again");
    settings_ = *loaded;
  } else if (settings_) {
    log::warn("the streaming server goes on with its old certificate",
              {{"error", loaded.error().to_string()}});
  } else {
    return loaded;
  }
  return settings_;
}

}  // namespace berth::daemon::streaming
