// SPDX-License-Identifier: Apache-2.0
#include "image/registry/hosts_toml.hpp"

#include <algorithm>
#include <tuple>

#include "base/cat.hpp"
#include "image/reference.hpp"
#include "image/registry/toml_table.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxHostTables = 100;
constexpr std::string_view kAlphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Error invalid_hosts(std::string message) {
  return {Code::kInvalidArgument, std::move(message)};
}

bool only_of(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [more](char c) {
    return kAlphanumerics.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

// "https://host:port/path", the scheme and the path being optional.
Result<void> read_address(std::string_view address, bool override_path, const std::string& subject,
                          HostsToml::Host& host) {
  const std::string_view whole = address;
  host.scheme = "https";
  if (const std::size_t scheme = address.find("://"); scheme != std::string_view::npos) {
    host.scheme = address.substr(0, scheme);
    address.remove_prefix(scheme + 3);
  }
  const std::size_t slash = address.find('/');
  host.host = address.substr(0, slash);
  std::string path(slash == std::string_view::npos ? std::string_view() : address.substr(slash));
  while (path.ends_with('/')) path.pop_back();
  const auto probe = parse_reference(cat(host.host, "/x"));
  // parse_reference renames this one, and takes a name without dot, port or capitals for a path.
  const bool known =
      probe && (probe->host == host.host || host.host == "index.docker.io" || !probe->has_host);
  const bool safe_path = only_of(path, "/-._~") && path.find("//") == std::string::npos &&
                         cat(path, "/").find("/../") == std::string::npos;
  if ((host.scheme != "https" && host.scheme != "http") || host.host.empty() || !known || !safe_path) {
    return invalid_hosts(
        cat(subject, ": \"", whole.substr(0, 200), "\" is not [https://|http://]host[:port][/path]"));
  }
  host.root = override_path || path.ends_with("/v2") ? path : path + "/v2";
  return {};
}

std::string absolute_in(const std::string& dir, const std::string& path) {
  return path.starts_with('/') ? path : cat(dir, "/", path);
}

// A string, an array of strings, or an array of [certificate, key].
Result<void> read_clients(const toml::table& table, const std::string& dir, const std::string& subject,
                          HostsToml::Host& host) {
  const toml::node* node = table.get("client");
  if (node == nullptr) return {};
  const auto add = [&](const toml::node* cert, const toml::node* key) {
    if (cert == nullptr || !cert->is_string() || (key != nullptr && !key->is_string())) return false;
    const std::string path = absolute_in(dir, cert->as_string()->get());
    host.clients.emplace_back(path, key == nullptr ? path : absolute_in(dir, key->as_string()->get()));
    return true;
  };
  bool good = true;
  if (const toml::array* array = node->as_array()) {
    for (const toml::node& item : *array) {
      const toml::array* pair = item.as_array();
      good = good &&
             (pair == nullptr ? add(&item, nullptr) : pair->size() == 2 && add(pair->get(0), pair->get(1)));
    }
  } else {
    good = add(node, nullptr);
  }
  if (good) return {};
  return invalid_hosts(cat(subject, " line ", node->source().begin.line,
                           ": client is not a path, an array of paths, or an array of [certificate, key]"));
}

Result<void> read_headers(const toml::table* table, const std::string& subject, HostsToml::Host& host) {
  if (table == nullptr) return {};
  TomlTable reader(*table, subject);
  for (const auto& [key, node] : *table) {
    const std::string name(key.str());
    const auto values = reader.text_or_texts(name.c_str());
    RETURN_IF_ERROR(reader.check());
    if (name.empty() || !only_of(name, "-_")) {
      return invalid_hosts(cat(subject, ": \"", name.substr(0, 100), "\" is not the name of a header"));
    }
    for (const std::string& value : values) {
      const bool printable =
          std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
      // The value may be a secret, so it is not shown.
      if (value.empty() || !printable)
        return invalid_hosts(cat(subject, ": the header ", name, " has no usable value"));
      host.headers.push_back(cat(name, ": ", value));
    }
  }
  return {};
}

Result<void> read_capabilities(TomlTable& reader, const std::string& subject, HostsToml::Host& host) {
  if (!reader.has("capabilities")) return {};
  host.pull = host.resolve = false;
  for (const std::string& capability : reader.texts("capabilities")) {
    host.pull = host.pull || capability == "pull";
    host.resolve = host.resolve || capability == "resolve";
    if (capability == "pull" || capability == "resolve" || capability == "push") continue;
    return invalid_hosts(
        cat(subject, ": the capability \"", capability.substr(0, 100), "\" is none of pull, resolve, push"));
  }
  return {};
}

Result<void> read_host(const toml::table& table, const std::string& dir, const std::string& subject,
                       HostsToml::Host& host) {
  TomlTable reader(table, subject);
  RETURN_IF_ERROR(read_capabilities(reader, subject, host));
  host.skip_verify = reader.flag("skip_verify");
  for (const std::string& path : reader.text_or_texts("ca")) host.ca.push_back(absolute_in(dir, path));
  const std::string timeout = reader.text("dial_timeout");
  const toml::table* headers = reader.table("header");
  RETURN_IF_ERROR(reader.check());
  if (!timeout.empty()) {
    auto parsed = parse_go_duration(timeout);
    if (!parsed) return std::move(parsed).context(subject + ": dial_timeout").error();
    host.dial_timeout = *parsed;
  }
  RETURN_IF_ERROR(read_clients(table, dir, subject, host));
  return read_headers(headers, subject, host);
}

// A table's keys are sorted by name in memory, but the order of the file is the order of asking.
Result<void> read_hosts(const toml::table& table, const std::string& dir, const std::string& subject,
                        HostsToml& hosts) {
  if (table.size() > kMaxHostTables)
    return invalid_hosts(cat(subject, ": more than ", kMaxHostTables, " hosts"));
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string, const toml::table*>> ordered;
  for (const auto& [key, node] : table) {
    if (!node.is_table()) return invalid_hosts(cat(subject, ": host.\"", key.str(), "\" is not a table"));
    const auto begin = node.source().begin;
    ordered.emplace_back(begin.line, begin.column, std::string(key.str()), node.as_table());
  }
  std::sort(ordered.begin(), ordered.end());
  for (const auto& [line, column, address, entry] : ordered) {
    const std::string where = cat(subject, ": host.\"", address.substr(0, 200), "\"");
    HostsToml::Host host;
    RETURN_IF_ERROR(read_host(*entry, dir, where, host));
    TomlTable reader(*entry, where);
    const bool override_path = reader.flag("override_path");
    RETURN_IF_ERROR(reader.check());
    RETURN_IF_ERROR(read_address(address, override_path, where, host));
    hosts.hosts.push_back(std::move(host));
  }
  return {};
}

}  // namespace

Result<std::chrono::milliseconds> parse_go_duration(std::string_view text) {
  const Error malformed(Code::kInvalidArgument,
                        cat("\"", text.substr(0, 50), "\" is not like \"30s\" or \"500ms\""));
  constexpr std::int64_t kLongest = 3'600'000;
  const std::pair<std::string_view, std::int64_t> units[] = {
      {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  std::int64_t total = 0;
  if (text.empty()) return malformed;
  while (!text.empty()) {
    const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    if (digits == 0 || digits > 7) return malformed;
    std::int64_t count = 0;
    for (const char c : text.substr(0, digits)) count = count * 10 + (c - '0');
    text.remove_prefix(digits);
    const auto* unit = std::find_if(std::begin(units), std::end(units),
                                    [&](const auto& u) { return text.starts_with(u.first); });
    if (unit == std::end(units)) return malformed;
    text.remove_prefix(unit->first.size());
    total += count * unit->second;
  }
  return std::chrono::milliseconds(std::min(total, kLongest));
}

Result<HostsToml> parse_hosts_toml(std::string_view text, const std::string& dir,
                                   const std::string& subject) {
  HostsToml hosts;
  const auto read = [&](const toml::table& document) -> Result<void> {
    TomlTable reader(document, subject);
    const std::string server = reader.text("server");
    const bool override_path = reader.flag("override_path");
    const toml::table* table = reader.table("host");
    RETURN_IF_ERROR(reader.check());
    RETURN_IF_ERROR(read_host(document, dir, subject, hosts.server));
    if (!server.empty())
      RETURN_IF_ERROR(read_address(server, override_path, subject + ": server", hosts.server));
    return table == nullptr ? Result<void>() : read_hosts(*table, dir, subject, hosts);
  };
  RETURN_IF_ERROR(read_toml(text, subject, read));
  return hosts;
}

}  // namespace berth::image
