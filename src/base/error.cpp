// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <system_error>

namespace berth {

std::string errno_text(int err) {
  return std::generic_category().message(err);
}

Error Error::from_errno(int err, std::string_view call, std::string_view subject) {
  std::string message{call};
  if (!subject.empty()) message.append(" ").append(subject);
  message.append(": ").append(errno_text(err));
  Error error(Code::kInternal, std::move(message));
  error.errno_ = err;
  return error;
}

std::string Error::to_string() const {
  std::string text;
  for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
    if (!text.empty()) text.append(": ");
    text.append(*frame);
  }
  return text;
}

}  // namespace berth
