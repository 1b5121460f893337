// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/resolve_image.hpp"

#include "base/cat.hpp"

namespace berth::daemon {
namespace {

std::vector<std::string> traits_of(const image::Endpoint& endpoint) {
  std::vector<std::string> traits;
  if (endpoint.is_mirror) traits.emplace_back("mirror");
  if (endpoint.insecure) traits.emplace_back("not verified");
  if (endpoint.insecure && endpoint.scheme.empty()) traits.emplace_back("plain http if https fails");
  if (!endpoint.resolves_tags) traits.emplace_back("no tags");
  if (!endpoint.gives_content) traits.emplace_back("no content");
  if (!endpoint.ns.empty()) traits.push_back("ns=" + endpoint.ns);
  if (endpoint.tls.extra_ca) traits.emplace_back("own authorities");
  if (!endpoint.tls.client_cert.empty()) traits.emplace_back("client certificate");
  if (!endpoint.headers.empty()) traits.emplace_back("own headers");
  return traits;
}

}  // namespace

Result<void> resolve_image(Services& with, const Call& call, const admin::v1::ResolveImageRequest& request,
                           admin::v1::ResolveImageResponse& response) {
  auto servers = with.puller->plan(request.reference(), call.cancelled);
  if (!servers) return std::move(servers).context(cat("resolve \"", request.reference(), "\"")).error();
  for (const image::PlannedServer& server : *servers) {
    const image::Endpoint& endpoint = server.endpoint;
    auto& out = *response.add_servers();
    out.set_reference(server.reference);
    out.set_url(cat(endpoint.scheme.empty() ? "https" : endpoint.scheme, "://", endpoint.host, endpoint.root,
                    "/", endpoint.path));
    for (const auto& trait : traits_of(endpoint)) out.add_traits(trait);
    out.set_said_by(endpoint.said_by);
    out.set_credentials(server.credentials);
    out.set_problem(server.problem);
  }
  return {};
}

}  // namespace berth::daemon
