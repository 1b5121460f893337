// SPDX-License-Identifier: Apache-2.0
#include "image/trust/yaml.hpp"

#include <yaml.h>

#include "base/cat.hpp"

namespace berth::image {
namespace {

constexpr int kMaxYamlDepth = 16;

/// Pulls events out of libyaml, which are freed with the next.
class YamlEvents {
 public:
  explicit YamlEvents(std::string_view text) : good_(::yaml_parser_initialize(&parser_) == 1) {
    if (good_)
      ::yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                     text.size());
  }
  ~YamlEvents() {
    ::yaml_event_delete(&event_);
    if (good_) ::yaml_parser_delete(&parser_);
  }
  YamlEvents(const YamlEvents&) = delete;
  YamlEvents& operator=(const YamlEvents&) = delete;

  /// Null after an error.
  const yaml_event_t* next() {
    ::yaml_event_delete(&event_);
    if (!good_ || ::yaml_parser_parse(&parser_, &event_) != 1) return nullptr;
    return &event_;
  }
  std::size_t line() const {
    return (event_.type == YAML_NO_EVENT ? parser_.problem_mark : event_.start_mark).line + 1;
  }

 private:
  yaml_parser_t parser_{};
  yaml_event_t event_{};
  bool good_;
};

class YamlBuilder {
 public:
  YamlBuilder(std::string_view text, const std::string& subject) : events_(text), subject_(subject) {}

  Result<Json> document() {
    RETURN_IF_ERROR(expect(YAML_STREAM_START_EVENT));
    const yaml_event_t* event = events_.next();
    if (event == nullptr) return wrong("not valid YAML");
    if (event->type == YAML_STREAM_END_EVENT) return Json();
    ASSIGN_OR_RETURN(const yaml_event_t* first, advance());
    ASSIGN_OR_RETURN(Json root, value(*first, 0));
    RETURN_IF_ERROR(expect(YAML_DOCUMENT_END_EVENT));
    RETURN_IF_ERROR(expect(YAML_STREAM_END_EVENT));
    return root;
  }

 private:
  Error wrong(std::string_view what) const {
    return {Code::kInvalidArgument, cat(subject_, ":", events_.line(), ": ", what)};
  }
  Result<const yaml_event_t*> advance() {
    const yaml_event_t* event = events_.next();
    if (event == nullptr) return wrong("not valid YAML");
    return event;
  }
  Result<void> expect(yaml_event_type_t type) {
    ASSIGN_OR_RETURN(const yaml_event_t* event, advance());
    if (event->type != type) return wrong("more than one document");
    return {};
  }

  Result<Json> value(const yaml_event_t& event, int depth) {
    if (depth == kMaxYamlDepth) return wrong(cat("nested deeper than ", kMaxYamlDepth, " levels"));
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        return scalar(event);
      case YAML_MAPPING_START_EVENT:
        if (event.data.mapping_start.anchor != nullptr || event.data.mapping_start.tag != nullptr) break;
        return mapping(depth);
      case YAML_SEQUENCE_START_EVENT:
        if (event.data.sequence_start.anchor != nullptr || event.data.sequence_start.tag != nullptr) break;
        return list(depth);
      default:
        break;
    }
    return wrong("anchors, aliases and tags are not read here");
  }

  Result<Json> scalar(const yaml_event_t& event) const {
    const auto& text = event.data.scalar;
    if (text.anchor != nullptr || text.tag != nullptr)
      return wrong("anchors, aliases and tags are not read here");
    if (text.length == 0 && text.style == YAML_PLAIN_SCALAR_STYLE) return Json();
    return Json(std::string(reinterpret_cast<const char*>(text.value), text.length));
  }

  Result<Json> mapping(int depth) {
    Json object = Json::object();
    while (true) {
      ASSIGN_OR_RETURN(const yaml_event_t* event, advance());
      if (event->type == YAML_MAPPING_END_EVENT) return object;
      if (event->type != YAML_SCALAR_EVENT) return wrong("a key that is not a plain text");
      ASSIGN_OR_RETURN(const Json key, scalar(*event));
      if (!key.is_string() || object.contains(key.get_ref<const std::string&>()))
        return wrong("a key that is empty or occurs twice");
      ASSIGN_OR_RETURN(const yaml_event_t* content, advance());
      ASSIGN_OR_RETURN(object[key.get_ref<const std::string&>()], value(*content, depth + 1));
    }
  }

  Result<Json> list(int depth) {
    Json array = Json::array();
    while (true) {
      ASSIGN_OR_RETURN(const yaml_event_t* event, advance());
      if (event->type == YAML_SEQUENCE_END_EVENT) return array;
      ASSIGN_OR_RETURN(Json item, value(*event, depth + 1));
      array.push_back(std::move(item));
    }
  }

  YamlEvents events_;
  const std::string& subject_;
};

}  // namespace

Result<Json> parse_yaml(std::string_view text, std::size_t size_limit, const std::string& subject) {
  if (text.size() > size_limit)
    return Error(Code::kInvalidArgument, cat("parse ", subject, ": longer than ", size_limit, " bytes"));
  return YamlBuilder(text, subject).document();
}

}  // namespace berth::image
