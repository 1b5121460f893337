// SPDX-License-Identifier: Apache-2.0
#include "image/puller.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "base/cat.hpp"
#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "base/metrics.hpp"
#include "base/single_flight.hpp"
#include "image/archive_import.hpp"
#include "image/image_install.hpp"
#include "image/platform.hpp"
#include "image/reference.hpp"
#include "image/registry/registries.hpp"
#include "image/registry/registry_source.hpp"
#include "image/trust/remote.hpp"

namespace berth::image {
namespace {

constexpr std::size_t kMaxPulls = 64;
constexpr std::size_t kMaxPieces = 8;  // in flight, of all blobs
constexpr std::size_t kMaxQueuedPieces = 1024;
constexpr std::size_t kMaxQueuedPulls = 1024;

// Another candidate of a short name may do better than these.
bool next_candidate_may_have_it(Code code) {
  return code == Code::kNotFound || code == Code::kUnavailable || code == Code::kPermissionDenied;
}

// What a registry sends may be malformed; the caller's argument was not.
Error blame_the_registry(Error error) {
  if (error.code() == Code::kInvalidArgument) error.recode(Code::kFailedPrecondition);
  return error;
}

// Secrets are hashed, so that they live no longer than they must.
std::string flight_key(const Reference& reference, const Credentials& c, const std::string& policy) {
  std::string secret;
  for (const std::string& part :
       {c.username, c.password, c.identity_token, c.registry_token, c.server_address, c.auth_json, policy}) {
    secret += cat(part.size(), ":", part);
  }
  // A short name may stand for another registry than the one it is normalised to.
  return cat(reference.has_host ? "" : "short ", reference.text(), " ", sha256(secret).text());
}

class RegistryPuller final : public Puller {
 public:
  RegistryPuller(const PullerOptions& options, ImageStore& store)
      : registries_(options.registries),
        registries_d_(options.registries_d),
        store_(store),
        installer_(store, start_unpack, options.unpack_program, options.max_parallel_layers),
        pulls_({"image-pull", 0, kMaxPulls, kMaxQueuedPulls, 10}) {
    ranges_.lane = &pieces_;
    http_.proxy = options.registries.proxy;
    http_.progress_timeout = options.progress_timeout;
    http_.connect_timeout =
        std::min<std::chrono::milliseconds>(http_.connect_timeout, options.progress_timeout);
  }

  Result<ImagePtr> pull(const std::string& text, const Credentials& credentials, const std::string& policy,
                        std::stop_token cancel) override {
    ASSIGN_OR_RETURN(const Reference reference, parse_reference(text));
    const auto post = [this](std::function<void()> task) { return pulls_.try_post(std::move(task)); };
    const auto work = [this, reference, credentials, policy](std::stop_token stop) {
      return counted([&] { return pull_anew(reference, credentials, policy, stop); });
    };
    auto image = flights_.run(flight_key(reference, credentials, policy), post, work, cancel);
    return std::move(image).context(cat("pull image \"", text, "\""));
  }

  std::optional<std::vector<LayerProgress>> progress(const std::string& text) const override {
    const auto reference = parse_reference(text);
    if (!reference) return std::nullopt;
    auto in_flight = in_flight_.lock();
    const auto found = in_flight->find(reference->text());
    return found == in_flight->end() ? std::nullopt : std::optional(found->second->layers());
  }

  Result<std::vector<PlannedServer>> plan(const std::string& text, std::stop_token cancel) override {
    ASSIGN_OR_RETURN(const Reference reference, parse_reference(text));
    ASSIGN_OR_RETURN(const auto candidates, registries_.candidates(reference));
    std::vector<PlannedServer> servers;
    for (const Reference& candidate : candidates) {
      ASSIGN_OR_RETURN(const auto endpoints, registries_.endpoints(candidate));
      for (const Endpoint& endpoint : endpoints) {
        const auto found = registries_.credentials(endpoint, candidate, {}, cancel);
        servers.push_back({candidate.text(), endpoint, found.source, found.problem});
      }
    }
    return servers;
  }

  Result<std::vector<ImagePtr>> import(const std::string& path, const std::string& name,
                                       const std::string& policy, std::stop_token cancel) override {
    return import_archive(path, name, policy, store_, installer_, cancel)
        .context(cat("import images from \"", path, "\""));
  }

 private:
  using InFlight = std::multimap<std::string, PullProgress*>;

  /// A pull that can be looked on.
  struct Watched {
    Watched(Guarded<InFlight>& in_flight, const std::string& name)
        : all(in_flight), mine(all.lock()->emplace(name, &progress)) {}
    ~Watched() { all.lock()->erase(mine); }
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    PullProgress progress;
    Guarded<InFlight>& all;
    InFlight::iterator mine;
  };

  /// Once for all callers of equal pulls.
  template <class Pull>
  static Result<ImagePtr> counted(const Pull& pull) {
    metrics::count("image_pulls", "started");
    const auto begin = std::chrono::steady_clock::now();
    auto image = pull();
    const bool cancelled = !image && image.error().code() == Code::kCancelled;
    const char* outcome = image ? "succeeded" : cancelled ? "cancelled" : "failed";
    metrics::count("image_pulls", outcome);
    metrics::observe("image_pull", outcome, std::chrono::steady_clock::now() - begin);
    return image;
  }

  Result<ImagePtr> pull_anew(const Reference& reference, const Credentials& credentials,
                             const std::string& policy, std::stop_token stop) {
    Watched watched(in_flight_, reference.text());
    ASSIGN_OR_RETURN(const auto candidates, registries_.candidates(reference));
    for (std::size_t at = 0;; ++at) {
      auto image = pull_one(candidates[at], credentials, policy, stop, watched.progress);
      if (image || at + 1 == candidates.size() || !next_candidate_may_have_it(image.error().code()))
        return image;
    }
  }

  Result<ImagePtr> pull_one(const Reference& reference, const Credentials& credentials,
                            const std::string& policy, std::stop_token stop, PullProgress& progress) {
    ASSIGN_OR_RETURN(const auto endpoints, registries_.endpoints(reference));
    const auto find = [&](const Endpoint& endpoint, std::stop_token cancel) {
      return registries_.credentials(endpoint, reference, credentials, std::move(cancel)).credentials;
    };
    const RegistrySource source(http_, tokens_, endpoints, find, ranges_);
    auto resolved = resolve(source, reference, stop);
    if (!resolved) return blame_the_registry(std::move(resolved).error());
    if (!policy.empty()) {
      auto verified = verify(source, reference, resolved->digests, policy, stop);
      if (!verified) return refused_by_policy(std::move(verified).error(), policy);
      resolved->request.signatures = *std::move(verified);
    }
    auto image = installer_.install(source, resolved->request, stop, progress);
    if (!image) return blame_the_registry(std::move(image).error());
    return image;
  }

  Result<std::vector<Signature>> verify(const RegistrySource& source, const Reference& reference,
                                        const std::vector<Digest>& digests, const std::string& policy_path,
                                        const std::stop_token& stop) const {
    ASSIGN_OR_RETURN(const Policy policy, load_policy(policy_path));
    ASSIGN_OR_RETURN(const RegistriesD registries_d, load_registries_d(registries_d_));
    const RemoteSignatures found({registries_d.find(reference), reference.path, http_}, source, digests,
                                 stop);
    return verify_signatures(policy, reference, found, stop);
  }

  struct Resolved {
    InstallRequest request;
    std::vector<Digest> digests;  ///< from what the name stands for down to the manifest
  };

  // Follows indexes down to the manifest of this host's platform.
  static Result<Resolved> resolve(const RegistrySource& source, const Reference& reference,
                                  std::stop_token stop) {
    Resolved resolved{{Manifest{Descriptor{"", sha256(""), 0, {}, {}}, {}}, "", "", {}, {}}, {}};
    InstallRequest& request = resolved.request;
    if (!reference.digest) request.repo_tag = reference.text();
    std::string wanted = reference.tag_or_digest();
    for (int depth = 0; depth <= kMaxIndexDepth; ++depth) {
      const std::string frame = cat("fetch manifest ", wanted);
      auto fetched = source.fetch_manifest(wanted, stop);
      if (!fetched) return std::move(fetched).context(frame).error();
      resolved.digests.push_back(fetched->digest);
      request.repo_digests.push_back(cat(reference.name(), "@", fetched->digest.text()));
      auto document = parse_manifest(fetched->bytes, fetched->content_type);
      if (!document) return std::move(document).context(frame).error();
      if (document->manifest) {
        request.manifest = std::move(*document->manifest);
        request.manifest_json = std::move(fetched->bytes);
        std::sort(request.repo_digests.begin(), request.repo_digests.end());
        return resolved;
      }
      auto chosen = choose_manifest(document->index, host_platform());
      if (!chosen) return std::move(chosen).context(frame).error();
      wanted = chosen->digest.text();
    }
    return Error(Code::kFailedPrecondition, cat("indexes are nested deeper than ", kMaxIndexDepth));
  }

  Registries registries_;
  std::string registries_d_;
  ImageStore& store_;
  HttpClient::Options http_;
  Lane pieces_{{"image-piece", 0, kMaxPieces, kMaxQueuedPieces, 10}};
  RangePolicy ranges_;
  TokenCache tokens_;
  ImageInstaller installer_;
  Guarded<InFlight> in_flight_;
  SingleFlight<ImagePtr> flights_;
  Lane pulls_;  // last: its destructor waits for pulls that use the others
};

}  // namespace

Result<std::unique_ptr<Puller>> Puller::create(const PullerOptions& options, ImageStore& store) {
  // A file that cannot be read is told at start, not at the first pull.
  RETURN_IF_ERROR(load_registries_conf(options.registries.conf));
  return std::unique_ptr<Puller>(std::make_unique<RegistryPuller>(options, store));
}

}  // namespace berth::image
