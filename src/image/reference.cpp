// SPDX-License-Identifier: Apache-2.0
#include "image/reference.hpp"

#include <algorithm>

#include "base/cat.hpp"

namespace berth::image {
namespace {

constexpr std::string_view kDefaultHost = "docker.io";
constexpr std::string_view kLibrary = "library/";
constexpr std::size_t kMaxName = 255;
constexpr std::size_t kMaxText = 1024;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower_alnum(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z');
}
bool is_alnum(char c) {
  return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

// alnum runs joined by ".", "_", "__" or any number of "-".
bool is_path_component(std::string_view text) {
  std::size_t at = 0;
  while (true) {
    const std::size_t run = at;
    while (at < text.size() && is_lower_alnum(text[at])) ++at;
    if (at == run) return false;
    if (at == text.size()) return true;
    const std::size_t separator = at;
    while (at < text.size() && text[at] == text[separator]) ++at;
    const std::size_t length = at - separator;
    const std::size_t allowed = text[separator] == '-'   ? kMaxName
                                : text[separator] == '_' ? 2
                                : text[separator] == '.' ? 1
                                                         : 0;
    if (length > allowed) return false;
  }
}

bool is_host_name(std::string_view text) {
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view part = text.substr(0, dot);
    if (part.empty() || part.front() == '-' || part.back() == '-') return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return is_alnum(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_host(std::string_view text) {
  std::string_view port;
  bool has_port = false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const std::string_view address = text.substr(1, end - 1);
    if (address.find_first_not_of("0123456789abcdefABCDEF:.") != std::string_view::npos) return false;
    const std::string_view rest = text.substr(end + 1);
    if (!rest.empty() && rest.front() != ':') return false;
    has_port = !rest.empty();
    port = has_port ? rest.substr(1) : rest;
  } else {
    const std::size_t colon = text.find(':');
    has_port = colon != std::string_view::npos;
    if (has_port) port = text.substr(colon + 1);
    if (!is_host_name(text.substr(0, colon))) return false;
  }
  return !has_port || (!port.empty() && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit));
}

bool is_path(std::string_view text) {
  while (true) {
    const std::size_t slash = text.find('/');
    if (!is_path_component(text.substr(0, slash))) return false;
    if (slash == std::string_view::npos) return true;
    text.remove_prefix(slash + 1);
  }
}

bool is_tag(std::string_view text) {
  if (text.empty() || text.size() > 128 || text.front() == '.' || text.front() == '-') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_image_id(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// The first component is a host when it cannot be a path component of docker.io.
bool looks_like_host(std::string_view text) {
  return text.find_first_of(".:[") != std::string_view::npos || text == "localhost" ||
         std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Error malformed_reference(std::string_view text, std::string_view reason) {
  return {Code::kInvalidArgument, cat("malformed image reference \"", text.substr(0, 300), "\": ", reason)};
}

Result<Reference> parse_name(std::string_view name, std::string_view text) {
  Reference reference;
  const std::size_t slash = name.find('/');
  reference.has_host = slash != std::string_view::npos && looks_like_host(name.substr(0, slash));
  if (reference.has_host) {
    reference.host = name.substr(0, slash);
    if (!is_host(reference.host))
      return malformed_reference(text, cat("\"", reference.host, "\" is not a host"));
    if (reference.host == "index.docker.io") reference.host = kDefaultHost;
    name.remove_prefix(slash + 1);
  } else {
    reference.host = kDefaultHost;
    if (is_image_id(name)) return malformed_reference(text, "64 hex digits are an image ID, not a name");
  }
  if (!is_path(name))
    return malformed_reference(text, cat("\"", name.substr(0, 200), "\" is not a repository path"));
  reference.path = name;
  if (reference.host == kDefaultHost && name.find('/') == std::string_view::npos)
    reference.path = cat(kLibrary, name);
  if (reference.name().size() > kMaxName)
    return malformed_reference(text, cat("the name is longer than ", kMaxName, " characters"));
  return reference;
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  if (text.empty()) return Error(Code::kInvalidArgument, "malformed image reference \"\": it is empty");
  if (text.size() > kMaxText) return malformed_reference(text, cat("longer than ", kMaxText, " characters"));
  std::string_view name = text;
  std::optional<Digest> digest;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    auto parsed = Digest::parse(text.substr(at + 1));
    if (!parsed) return malformed_reference(text, parsed.error().to_string());
    digest = *std::move(parsed);
    name = text.substr(0, at);
  }
  std::string_view tag;
  // A colon before the last slash belongs to a port, or to an IPv6 address.
  const std::size_t slash = name.rfind('/');
  const std::size_t colon = name.find(':', slash == std::string_view::npos ? 0 : slash);
  if (colon != std::string_view::npos) {
    tag = name.substr(colon + 1);
    if (!is_tag(tag)) return malformed_reference(text, cat("\"", tag.substr(0, 200), "\" is not a tag"));
    name = name.substr(0, colon);
  }
  ASSIGN_OR_RETURN(Reference reference, parse_name(name, text));
  reference.tag = tag.empty() && !digest ? "latest" : std::string(tag);
  reference.digest = std::move(digest);
  return reference;
}

Reference with_host(const Reference& reference, const std::string& host) {
  Reference moved = reference;
  moved.host = host;
  const std::string_view path = reference.path;
  const bool implied = reference.host == kDefaultHost && path.starts_with(kLibrary) && !reference.has_host;
  if (implied && host != kDefaultHost) moved.path = path.substr(kLibrary.size());
  return moved;
}

}  // namespace berth::image
