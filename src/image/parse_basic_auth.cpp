// SPDX-License-Identifier: Apache-2.0
#include "image/puller.hpp"
#include "image/registry/base64.hpp"

namespace berth::image {

Result<Credentials> parse_basic_auth(const std::string& auth) {
  auto decoded = decode_base64(auth);
  if (!decoded) return std::move(decoded).context("registry credentials (auth)").error();
  std::string text = *std::move(decoded);
  while (text.ends_with('\0')) text.pop_back();
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return Error(Code::kInvalidArgument, "registry credentials (auth): not user:password");
  }
  Credentials credentials;
  credentials.username = text.substr(0, colon);
  credentials.password = text.substr(colon + 1);
  return credentials;
}

}  // namespace berth::image
