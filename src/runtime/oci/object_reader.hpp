// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/cat.hpp"
#include "base/json.hpp"

namespace berth::oci {

/// Reads members of one JSON object into typed values. Absent and null leave the value as it is; a
/// wrong type or range is remembered, with the member's path and value, and ends all further
/// reading, so that a caller checks once at the end.
class ObjectReader {
 public:
  ObjectReader(const Json& object, std::string path, std::optional<Error>& failure);

  void read(std::string_view key, std::string& out);
  void read(std::string_view key, bool& out);
  void read(std::string_view key, std::vector<std::string>& out);
  void read(std::string_view key, std::map<std::string, std::string>& out);

  template <class Number>
  requires std::is_integral_v<Number>
  void read(std::string_view key, Number& out) {
    if (const Json* value = find(key)) number(*value, member(key), out);
  }
  template <class Value>
  void read(std::string_view key, std::optional<Value>& out) {
    if (find(key) == nullptr) return;
    Value value{};
    read(key, value);
    if (!failure_) out = std::move(value);
  }
  template <class Number>
  requires std::is_integral_v<Number>
  void read(std::string_view key, std::vector<Number>& out) {
    each_value(key,
               [&](const Json& value, const std::string& path) { number(value, path, out.emplace_back()); });
  }

  /// `visit(ObjectReader&)` for a member that is an object, if it is there.
  template <class Visit>
  bool object(std::string_view key, Visit visit) {
    const Json* value = find(key);
    if (value == nullptr) return false;
    ObjectReader reader(*value, member(key), failure_);
    if (!failure_) visit(reader);
    return !failure_;
  }
  /// `visit(ObjectReader&)` for every object of a member that is an array.
  template <class Visit>
  void each(std::string_view key, Visit visit) {
    each_value(key, [&](const Json& value, const std::string& path) {
      ObjectReader reader(value, path, failure_);
      if (!failure_) visit(reader);
    });
  }
  /// `visit(name, ObjectReader&)` for every member, an object each, of a member that is an object.
  template <class Visit>
  void each_member(std::string_view key, Visit visit) {
    object(key, [&](ObjectReader& members) {
      for (const auto& entry : members.object_.items())
        members.object(entry.key(), [&](ObjectReader& value) { visit(entry.key(), value); });
    });
  }
  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// A member that changes what a container may do, and that this runtime does not implement:
  /// refused unless it is empty.
  void refuse(std::string_view key);
  void fail(std::string_view key, std::string_view problem);
  bool failed() const { return failure_.has_value(); }

 private:
  template <class Visit>
  void each_value(std::string_view key, Visit visit) {
    const Json* value = find(key);
    if (value == nullptr) return;
    if (!value->is_array()) return mismatch(*value, member(key), "an array");
    std::size_t index = 0;
    for (const Json& element : *value) {
      visit(element, cat(member(key), "[", index++, "]"));
      if (failure_) return;
    }
  }

  template <class Number>
  void number(const Json& value, const std::string& path, Number& out) {
    if (value.is_number_unsigned()) {
      const auto wide = value.get<std::uint64_t>();
      if (wide <= static_cast<std::uint64_t>(std::numeric_limits<Number>::max()))
        return void(out = static_cast<Number>(wide));
    } else if (value.is_number_integer()) {
      const auto wide = value.get<std::int64_t>();
      if (std::is_signed_v<Number> && wide >= static_cast<std::int64_t>(std::numeric_limits<Number>::min())) {
        return void(out = static_cast<Number>(wide));
      }
    }
    mismatch(value, path,
             cat("a whole number from ", std::numeric_limits<Number>::min(), " to ",
                 std::numeric_limits<Number>::max()));
  }

  const Json* find(std::string_view key) const;
  std::string member(std::string_view key) const;
  void mismatch(const Json& value, const std::string& path, std::string_view expected);

  const Json& object_;
  std::string path_;
  std::optional<Error>& failure_;
};

}  // namespace berth::oci
