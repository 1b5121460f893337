// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/error.hpp"

namespace berth {

/// A value or an Error. Deliberately a subset of std::expected's interface:
/// the day every compiler we run ships it, this file becomes an alias.
template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

  Result context(std::string frame) && {
    if (auto* failure = std::get_if<1>(&state_)) failure->add_context(std::move(frame));
    return std::move(*this);
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() = default;
  Result(Error error) : failure_(std::move(error)) {}  // NOLINT(google-explicit-constructor)
  explicit operator bool() const { return !failure_; }
  const Error& error() const& { return *failure_; }
  Error&& error() && { return *std::move(failure_); }
  Result context(std::string frame) && {
    if (failure_) failure_->add_context(std::move(frame));
    return std::move(*this);
  }

 private:
  std::optional<Error> failure_;
};

}  // namespace berth

// Macros, because only a macro can return from its caller. NOLINTBEGIN(bugprone-macro-parentheses)
#define BERTH_CONCAT_(a, b) a##b
#define BERTH_CONCAT(a, b) BERTH_CONCAT_(a, b)
#define RETURN_IF_ERROR(expr)                          \
  do {                                                 \
    if (auto berth_status_ = (expr); !berth_status_) { \
      return std::move(berth_status_).error();         \
    }                                                  \
  } while (false)
#define ASSIGN_OR_RETURN(lhs, expr) ASSIGN_OR_RETURN_(BERTH_CONCAT(berth_result_, __LINE__), lhs, expr)
#define ASSIGN_OR_RETURN_(tmp, lhs, expr)  \
  auto tmp = (expr);                       \
  if (!tmp) return std::move(tmp).error(); \
  lhs = *std::move(tmp)
// NOLINTEND(bugprone-macro-parentheses)
