// SPDX-License-Identifier: Apache-2.0
#include "image/trust/gpgv.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/subprocess.hpp"
#include "base/unique_fd.hpp"
#include "image/registry/base64.hpp"
#include "image/trust/signature.hpp"

namespace berth::image {
namespace {

constexpr const char* kGpgv = "/usr/bin/gpgv";
constexpr std::chrono::seconds kGpgvPatience{30};
constexpr std::string_view kArmorBegin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view kArmorEnd = "-----END PGP PUBLIC KEY BLOCK-----";
constexpr int kKeyringFd = 3;

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t'))
    line.remove_suffix(1);
  return line;
}

/// The base64 of one block: after the headers and the empty line, up to the checksum.
std::string armored_body(std::string_view block) {
  std::string body;
  bool in_headers = true;
  while (!block.empty()) {
    const std::string_view line = take_line(block);
    if (in_headers) {
      in_headers = !line.empty();
      continue;
    }
    if (line.starts_with('=')) break;
    body += line;
  }
  return body;
}

Result<UniqueFd> keyring_file(std::string_view keyring) {
  UniqueFd file(::memfd_create("keyring", MFD_CLOEXEC));
  if (!file) return Error::from_errno(errno, "memfd_create", "keyring");
  while (!keyring.empty()) {
    const ssize_t written = ::write(file.get(), keyring.data(), keyring.size());
    if (written <= 0) return Error::from_errno(errno, "write", "keyring");
    keyring.remove_prefix(static_cast<std::size_t>(written));
  }
  return file;
}

}  // namespace

Result<std::string> dearmor_keys(std::string_view text, const std::string& subject) {
  const Error malformed(Code::kInvalidArgument, cat(subject, " holds no OpenPGP public key"));
  if (text.empty()) return malformed;
  if ((static_cast<unsigned char>(text.front()) & 0x80U) != 0) return std::string(text);  // a packet's tag
  std::string keys;
  for (auto begin = text.find(kArmorBegin); begin != std::string_view::npos; begin = text.find(kArmorBegin)) {
    text.remove_prefix(begin);
    (void)take_line(text);
    const std::size_t end = text.find(kArmorEnd);
    if (end == std::string_view::npos) return malformed;
    auto packets = decode_base64(armored_body(text.substr(0, end)));
    if (!packets || packets->empty()) return malformed;
    keys += *packets;
    text.remove_prefix(end);
  }
  if (keys.empty()) return malformed;
  return keys;
}

bool is_one_good_signature(std::string_view status) {
  constexpr std::string_view kPrefix = "[GNUPG:] ";
  std::map<std::string_view, int> seen;
  while (!status.empty()) {
    std::string_view line = take_line(status);
    if (!line.starts_with(kPrefix)) continue;
    line.remove_prefix(kPrefix.size());
    ++seen[line.substr(0, line.find(' '))];
  }
  for (const char* bad :
       {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "UNEXPECTED", "FAILURE", "ERROR"}) {
    if (seen.contains(bad)) return false;
  }
  // Two messages, or two parts of one, could be signed by different people.
  return seen["NEWSIG"] == 1 && seen["GOODSIG"] == 1 && seen["VALIDSIG"] == 1 && seen["PLAINTEXT"] == 1;
}

Result<std::string> open_signed_message(std::string_view keyring, std::string_view message,
                                        std::stop_token cancel) {
  if (!exists(kGpgv)) {
    return Error(Code::kFailedPrecondition,
                 cat("signedBy needs ", kGpgv, ", which is not there: install the package gpgv"));
  }
  ASSIGN_OR_RETURN(const UniqueFd keys, keyring_file(keyring));
  SpawnRequest request;
  request.program = kGpgv;
  request.argv = {"gpgv",
                  "--homedir",
                  "/nonexistent",
                  "--keyring",
                  cat("/proc/self/fd/", kKeyringFd),
                  "--weak-digest",
                  "SHA1",
                  "--status-fd",
                  "2",
                  "--output",
                  "-"};
  request.env = {"LC_ALL=C"};
  request.fds = {{keys.get(), kKeyringFd}};
  request.new_session = true;
  ASSIGN_OR_RETURN(const Completed done,
                   run_to_end(std::move(request), message, kMaxSignature + 1,
                              std::chrono::steady_clock::now() + kGpgvPatience, std::move(cancel)));
  if (done.wait_status != 0 || !is_one_good_signature(done.err))
    return Error(Code::kFailedPrecondition, "no good OpenPGP signature by a key of the policy");
  return done.out;
}

}  // namespace berth::image
