// SPDX-License-Identifier: Apache-2.0
//
// The wire format may not drift: what protoc compiled and the published table are written down as one fact
// per line, and the two sets of lines must be equal.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "api.pb.h"

namespace {

using Json = nlohmann::json;
using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::MethodDescriptor;
using Facts = std::set<std::string>;

const FileDescriptor& compiled_file() {
  return *runtime::v1::VersionRequest::descriptor()->file();
}

Json table() {
  std::ifstream in(CRI_WIRE_TABLE);
  Json parsed = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  REQUIRE(parsed.is_object());
  return parsed;
}

std::string field_fact(const std::string& message, int number, const std::string& label,
                       const std::string& type, const std::string& name, bool deprecated) {
  return "field " + message + " " + std::to_string(number) + ": " + label + (label.empty() ? "" : " ") +
         type + " " + name + (deprecated ? " deprecated" : "");
}

std::string rpc_fact(const std::string& service, const std::string& name, const std::string& request,
                     const std::string& response, bool streams) {
  return "rpc " + service + "." + name + "(" + request + ") returns (" + (streams ? "stream " : "") +
         response + ")";
}

Facts facts_of_table() {
  const Json wire = table();
  Facts facts{"package " + wire["package"].get<std::string>()};
  for (const auto& [service, rpcs] : wire["services"].items()) {
    facts.insert("service " + service);
    for (const Json& rpc : rpcs)
      facts.insert(rpc_fact(service, rpc["rpc"], rpc["request"], rpc["response"], rpc["server_streaming"]));
  }
  for (const auto& [name, values] : wire["enums"].items()) {
    for (const auto& [value, number] : values.items())
      facts.insert("enum " + name + " " + value + " = " + std::to_string(number.get<int>()));
  }
  for (const auto& [message, body] : wire["messages"].items()) {
    facts.insert("message " + message);
    for (const Json& field : body["fields"])
      facts.insert(field_fact(message, field["number"], field.value("label", ""), field["type"],
                              field["name"], field.value("deprecated", false)));
  }
  return facts;
}

/// Without the package: the table's spelling.
std::string local_name(const std::string& full_name) {
  const std::string package = compiled_file().package() + ".";
  return full_name.rfind(package, 0) == 0 ? full_name.substr(package.size()) : full_name;
}

std::string type_of(const FieldDescriptor& field) {
  if (field.is_map()) {
    const Descriptor& entry = *field.message_type();
    return "map<" + type_of(*entry.map_key()) + ", " + type_of(*entry.map_value()) + ">";
  }
  if (field.message_type() != nullptr) return local_name(field.message_type()->full_name());
  if (field.enum_type() != nullptr) return local_name(field.enum_type()->full_name());
  return field.type_name();
}

void add_enum(Facts& facts, const EnumDescriptor& type) {
  for (int i = 0; i < type.value_count(); ++i)
    facts.insert("enum " + local_name(type.full_name()) + " " + type.value(i)->name() + " = " +
                 std::to_string(type.value(i)->number()));
}

void add_message(Facts& facts, const Descriptor& type) {
  const std::string name = local_name(type.full_name());
  facts.insert("message " + name);
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    std::string label = field.is_repeated() && !field.is_map() ? "repeated" : "";
    if (field.containing_oneof() != nullptr) label = "oneof";  // the table has none
    facts.insert(
        field_fact(name, field.number(), label, type_of(field), field.name(), field.options().deprecated()));
  }
  for (int i = 0; i < type.enum_type_count(); ++i) add_enum(facts, *type.enum_type(i));
  for (int i = 0; i < type.nested_type_count(); ++i) {
    if (!type.nested_type(i)->options().map_entry()) add_message(facts, *type.nested_type(i));
  }
}

Facts facts_of_compiled() {
  const FileDescriptor& file = compiled_file();
  Facts facts{"package " + file.package()};
  for (int i = 0; i < file.service_count(); ++i) {
    const std::string service = local_name(file.service(i)->full_name());
    facts.insert("service " + service);
    for (int j = 0; j < file.service(i)->method_count(); ++j) {
      const MethodDescriptor& rpc = *file.service(i)->method(j);
      REQUIRE_FALSE(rpc.client_streaming());
      facts.insert(rpc_fact(service, rpc.name(), local_name(rpc.input_type()->full_name()),
                            local_name(rpc.output_type()->full_name()), rpc.server_streaming()));
    }
  }
  for (int i = 0; i < file.enum_type_count(); ++i) add_enum(facts, *file.enum_type(i));
  for (int i = 0; i < file.message_type_count(); ++i) add_message(facts, *file.message_type(i));
  return facts;
}

/// What `have` lacks of `wanted`, one line each; empty if nothing.
std::string missing(const Facts& wanted, const Facts& have) {
  std::string lines;
  for (const std::string& fact : wanted) {
    if (have.count(fact) == 0) lines += fact + "\n";
  }
  return lines;
}

TEST_CASE("the published CRI contract is compiled in whole", "[proto]") {
  const Facts published = facts_of_table();
  REQUIRE(published.size() > 700);  // a truncated table must not pass
  CHECK(missing(published, facts_of_compiled()) == "");
}

TEST_CASE("nothing is compiled in that the published CRI contract lacks", "[proto]") {
  CHECK(missing(facts_of_compiled(), facts_of_table()) == "");
}

TEST_CASE("every redacted field exists and is a string", "[proto]") {
  std::ifstream in(CRI_REDACTED_FIELDS);
  int seen = 0;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    INFO(line);
    const FieldDescriptor* field =
        compiled_file().pool()->FindFieldByName(compiled_file().package() + "." + line);
    REQUIRE(field != nullptr);
    CHECK(field->type() == FieldDescriptor::TYPE_STRING);
    ++seen;
  }
  CHECK(seen == 4);
}

}  // namespace
