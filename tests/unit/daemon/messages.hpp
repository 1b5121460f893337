// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/text_format.h>

#include <stdexcept>
#include <string>

#include "base/result.hpp"
#include "daemon/cri.hpp"

namespace berth::daemon::testing {

/// A message from protobuf's text form, which reads better than twenty setters.
template <class Message>
Message proto(const std::string& text) {
  const google::protobuf::LogSilencer quiet;  // it warns of deprecated fields, which old clients do send
  Message message;
  if (!google::protobuf::TextFormat::ParseFromString(text, &message))
    throw std::runtime_error("test message: " + text);
  return message;
}

/// The error's sentence; empty on success.
template <class T>
std::string refusal(const Result<T>& result) {
  return result ? std::string() : result.error().to_string();
}

template <class T>
bool has_code(const Result<T>& result, Code code) {
  return !result && result.error().code() == code;
}

}  // namespace berth::daemon::testing
