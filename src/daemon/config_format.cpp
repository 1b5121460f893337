// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "base/cat.hpp"
#include "daemon/config_keys.hpp"

namespace berth::daemon {
namespace {

std::string quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += cat('\\', c);
    } else if (byte < 0x20 || byte == 0x7f) {
      out += cat("\\u00", kHex[byte >> 4U], kHex[byte & 0xfU]);
    } else {
      out += c;
    }
  }
  return cat(out, "\"");
}

std::string bare_or_quoted(std::string_view name) {
  const bool bare = !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
  return bare ? std::string(name) : quoted(name);
}

std::string value_text(const std::string& value) {
  return quoted(value);
}
std::string value_text(std::int64_t value) {
  return std::to_string(value);
}
std::string value_text(std::uint32_t value) {
  return std::to_string(value);
}
std::string value_text(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const auto& value : values) out += cat(out.size() > 1 ? ", " : "", quoted(value));
  return cat(out, "]");
}

class Writer {
 public:
  explicit Writer(const ConfigOrigins* origins) : origins_(origins) {}

  void table(std::string_view name) { out_ += cat(out_.empty() ? "" : "\n", "[", name, "]\n"); }
  void setting(std::string_view comment, std::string_view name, const std::string& value,
               const std::string& path) {
    out_ += cat("# ", comment, "\n", name, " = ", value);
    if (origins_ != nullptr) {
      const auto found = origins_->find(path);
      out_ += cat("  # from ", found == origins_->end() ? "default" : found->second);
    }
    out_ += "\n";
  }
  void handlers(const std::map<std::string, HandlerConfig>& handlers) {
    if (handlers.empty()) {
      out_ += "\n# A handler that a RuntimeClass may name, with its settings:\n# [runtime.handlers.NAME]\n";
      for (const auto& key : handler_keys()) out_ += cat("# ", key.name, " = false  # ", key.comment, "\n");
    }
    for (const auto& [name, handler] : handlers) {
      table(cat(kHandlersTable, ".", bare_or_quoted(name)));
      for (const auto& key : handler_keys()) {
        setting(key.comment, key.name, handler.*(key.member) ? "true" : "false",
                cat(kHandlersTable, ".", name, ".", key.name));
      }
    }
  }
  std::string take() { return std::move(out_); }

 private:
  const ConfigOrigins* origins_;
  std::string out_;
};

}  // namespace

std::string format_config(const Config& config, const ConfigOrigins* origins) {
  Writer writer(origins);
  std::string_view table;
  for (const auto& key : config_keys()) {
    if (key.table != table) {
      if (table == "runtime") writer.handlers(config.handlers);
      table = key.table;
      writer.table(table);
    }
    const std::string value = std::visit([&](auto member) { return value_text(config.*member); }, key.member);
    writer.setting(key.comment, key.name, value, key.path());
  }
  return writer.take();
}

}  // namespace berth::daemon
