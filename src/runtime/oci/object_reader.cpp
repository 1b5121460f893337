// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/object_reader.hpp"

namespace berth::oci {
namespace {

constexpr std::size_t kShownBytes = 80;

std::string shown(const Json& value) {
  std::string text = to_text(value);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

}  // namespace

ObjectReader::ObjectReader(const Json& object, std::string path, std::optional<Error>& failure)
    : object_(object), path_(std::move(path)), failure_(failure) {
  if (!failure_ && !object.is_object()) mismatch(object, path_.empty() ? "the document" : path_, "an object");
}

const Json* ObjectReader::find(std::string_view key) const {
  if (failure_ || !object_.is_object()) return nullptr;
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

std::string ObjectReader::member(std::string_view key) const {
  return path_.empty() ? std::string(key) : cat(path_, ".", key);
}

void ObjectReader::mismatch(const Json& value, const std::string& path, std::string_view expected) {
  if (!failure_)
    failure_ = Error(Code::kInvalidArgument, cat(path, ": ", shown(value), " is not ", expected));
}

void ObjectReader::fail(std::string_view key, std::string_view problem) {
  if (failure_) return;
  const Json* value = find(key);
  failure_ = Error(Code::kInvalidArgument,
                   cat(member(key), ": ", value == nullptr ? "" : shown(*value) + " ", problem));
}

void ObjectReader::refuse(std::string_view key) {
  const Json* value = find(key);
  if (value == nullptr || ((value->is_array() || value->is_object()) && value->empty())) return;
  fail(key, "is not supported");
}

void ObjectReader::read(std::string_view key, std::string& out) {
  const Json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_string()) return mismatch(*value, member(key), "a string");
  out = value->get_ref<const std::string&>();
}

void ObjectReader::read(std::string_view key, bool& out) {
  const Json* value = find(key);
  if (value == nullptr) return;
  if (!value->is_boolean()) return mismatch(*value, member(key), "true or false");
  out = value->get<bool>();
}

void ObjectReader::read(std::string_view key, std::vector<std::string>& out) {
  each_value(key, [&](const Json& value, const std::string& path) {
    if (!value.is_string()) return mismatch(value, path, "a string");
    out.push_back(value.get_ref<const std::string&>());
  });
}

void ObjectReader::read(std::string_view key, std::map<std::string, std::string>& out) {
  object(key, [&](ObjectReader& members) {
    for (const auto& entry : members.object_.items()) {
      std::string value;
      members.read(entry.key(), value);
      if (!members.failed()) out[entry.key()] = std::move(value);
    }
  });
}

}  // namespace berth::oci
