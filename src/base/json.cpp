// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <utility>
#include <vector>

#include "base/cat.hpp"

namespace berth {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Builds the value event by event, because the library's own parser keeps the last of two equal
/// keys: a check of one and a use of the other would then disagree.
class BoundedBuilder {
 public:
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(number_integer_t value) { return add(value); }
  bool number_unsigned(number_unsigned_t value) { return add(value); }
  bool number_float(number_float_t value, const string_t&) { return add(value); }
  bool string(string_t& value) { return add(std::move(value)); }
  bool binary(binary_t&) { return fail("binary data"); }
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(string_t& name) {
    auto [slot, added] = open_.back()->get_ref<Json::object_t&>().try_emplace(std::move(name));
    if (!added) return fail("a key occurs twice in one object");
    member_ = &slot->second;
    return true;
  }

  // The library's own words quote the document, which may hold credentials.
  template <class Exception>
  bool parse_error(std::size_t position, const std::string&, const Exception&) {
    return fail(cat("not valid JSON at byte ", position));
  }

  Json take() { return std::move(root_); }
  const std::string& problem() const { return problem_; }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool add(Json value) {
    (void)place(std::move(value));
    return true;
  }

  Json* place(Json value) {
    if (open_.empty()) return &(root_ = std::move(value));
    if (open_.back()->is_object()) return &(*member_ = std::move(value));
    return &open_.back()->get_ref<Json::array_t&>().emplace_back(std::move(value));
  }

  bool open(Json container) {
    if (open_.size() == kMaxDepth) return fail(cat("nested deeper than ", kMaxDepth, " levels"));
    open_.push_back(place(std::move(container)));
    return true;
  }

  bool close() {
    open_.pop_back();
    return true;
  }

  Json root_;
  // Pointers stay valid: a container grows only while it is the innermost open one.
  std::vector<Json*> open_;
  Json* member_ = nullptr;
  std::string problem_;
};

Error wrong_type(std::string_view subject, std::string_view key) {
  return {Code::kInvalidArgument, cat(subject, ": \"", key, "\" is not a string")};
}

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t size_limit, std::string_view subject) {
  if (text.size() > size_limit) {
    return Error(Code::kInvalidArgument, cat("parse ", subject, ": longer than ", size_limit, " bytes"));
  }
  // The library takes a NUL for the end of the document and would ignore what follows.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    return Error(Code::kInvalidArgument, cat("parse ", subject, ": not valid JSON at byte ", nul + 1));
  }
  BoundedBuilder builder;
  if (!Json::sax_parse(text, &builder))
    return Error(Code::kInvalidArgument, cat("parse ", subject, ": ", builder.problem()));
  return builder.take();
}

Result<std::string> json_string(const Json& object, std::string_view key, std::string_view subject) {
  if (!object.is_object()) return Error(Code::kInvalidArgument, cat(subject, " is not a JSON object"));
  const auto found = object.find(key);
  if (found == object.end()) return Error(Code::kInvalidArgument, cat(subject, ": \"", key, "\" is missing"));
  if (!found->is_string()) return wrong_type(subject, key);
  return found->get_ref<const std::string&>();
}

Result<std::string> json_string_or(const Json& object, std::string_view key, std::string fallback,
                                   std::string_view subject) {
  if (!object.is_object()) return Error(Code::kInvalidArgument, cat(subject, " is not a JSON object"));
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  if (!found->is_string()) return wrong_type(subject, key);
  return found->get_ref<const std::string&>();
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace berth
