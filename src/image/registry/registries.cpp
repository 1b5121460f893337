// SPDX-License-Identifier: Apache-2.0
#include "image/registry/registries.hpp"

#include <utility>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/log.hpp"
#include "image/registry/auth.hpp"
#include "image/registry/certs_dir.hpp"
#include "image/registry/credential_helper.hpp"
#include "image/registry/hosts.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxAuthFile = 4U << 20;
constexpr std::string_view kAuthFilesHelper = "containers-auth.json";  // in credential-helpers: the files

}  // namespace

Result<void> Registries::check() {
  RETURN_IF_ERROR(conf());
  return {};
}

Result<std::shared_ptr<const RegistriesConf>> Registries::conf() {
  auto cached = cached_.lock();
  std::string stamp = registries_conf_stamp(options_.conf);
  if (cached->conf && cached->stamp == stamp) return cached->conf;
  auto loaded = load_registries_conf(options_.conf);
  if (!loaded && !cached->conf) return std::move(loaded).error();
  cached->stamp = std::move(stamp);
  if (loaded) {
    cached->conf = std::make_shared<const RegistriesConf>(*std::move(loaded));
  } else {
    log::warn("registries.conf cannot be used; what it said before holds",
              {{"error", loaded.error().to_string()}});
  }
  return cached->conf;
}

Result<std::vector<Reference>> Registries::candidates(const Reference& reference) {
  ASSIGN_OR_RETURN(const auto current, conf());
  return candidate_references(*current, reference);
}

Result<std::vector<Endpoint>> Registries::endpoints(const Reference& reference) {
  ASSIGN_OR_RETURN(const auto current, conf());
  ASSIGN_OR_RETURN(const auto named, resolve_endpoints(*current, reference));
  std::vector<Endpoint> all;
  for (const Endpoint& endpoint : named) {
    ASSIGN_OR_RETURN(auto asked, apply_certs_dirs(options_.certs_dirs, endpoint));
    all.insert(all.end(), std::make_move_iterator(asked.begin()), std::make_move_iterator(asked.end()));
  }
  return all;
}

bool Registries::ask(const AuthFile::Helper& helper, std::stop_token cancel, FoundCredentials& found) const {
  auto answer = ask_credential_helper(options_.helper_dirs, helper.name, helper.server, std::move(cancel));
  if (!answer) {
    found.problem = answer.error().to_string();
    log::warn("a credential helper could not be asked", {{"helper", helper.name}, {"error", found.problem}});
    return false;
  }
  if (!*answer || (*answer)->empty()) return false;
  found.credentials = **std::move(answer);
  found.source = cat("docker-credential-", helper.name);
  return true;
}

bool Registries::look_into(const AuthFile& file, const std::string& subject, const Endpoint& endpoint,
                           std::stop_token cancel, FoundCredentials& found) const {
  const auto named = file.find_named_helper(endpoint);
  if (named && ask(*named, cancel, found)) return true;
  if (const Credentials* credentials = file.find(endpoint)) {
    found.credentials = *credentials;
    found.source = subject;
    return true;
  }
  const auto store = file.find_store(endpoint);
  return store && ask(*store, cancel, found);
}

bool Registries::look_into_files(const Endpoint& endpoint, std::stop_token cancel,
                                 FoundCredentials& found) const {
  for (const std::string& path : options_.auth_files) {
    if (!exists(path)) continue;
    const auto text = read_file(path, kMaxAuthFile);
    const auto file = text ? parse_auth_file(*text, path) : Result<AuthFile>(text.error());
    if (!file) {
      found.problem = file.error().to_string();
      log::warn("a file of credentials cannot be used", {{"error", found.problem}});
      continue;
    }
    if (look_into(*file, path, endpoint, cancel, found)) return true;
  }
  return false;
}

FoundCredentials Registries::credentials(const Endpoint& endpoint, const Reference& reference,
                                         const Credentials& given, std::stop_token cancel) {
  FoundCredentials found;
  found.credentials = credentials_for(endpoint, reference, given);
  if (!found.credentials.empty()) found.source = "the pull request";
  if (!found.credentials.empty()) return found;
  if (!given.auth_json.empty()) {
    const std::string subject = "the namespace's auth file";
    const auto file = parse_auth_file(given.auth_json, subject);
    if (!file) found.problem = file.error().to_string();
    // Only what it holds: a namespace does not choose programs that the node runs.
    if (const Credentials* own = file ? file->find(endpoint) : nullptr) {
      found.credentials = *own;
      found.source = subject;
      return found;
    }
  }
  const auto current = conf();
  std::vector<std::string> helpers{std::string(kAuthFilesHelper)};
  if (current && (*current)->credential_helpers) helpers = *(*current)->credential_helpers;
  for (const std::string& helper : helpers) {
    const bool known = helper == kAuthFilesHelper ? look_into_files(endpoint, cancel, found)
                                                  : ask({helper, logical_host(endpoint.host)}, cancel, found);
    if (known) break;
  }
  return found;
}

}  // namespace berth::image
