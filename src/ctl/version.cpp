// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/verb.hpp"
#include "daemon/version.hpp"

namespace berth::ctl {
namespace {

Result<int> version(const Context& context) {
  show_crictl(context, {"version"});
  std::cout << "berthctl " << daemon::kVersion << "\n";
  auto client = Client::open(context);
  if (!client) {
    std::cout << "berthd   not reachable (" << client.error().to_string() << ")\n";
    return 0;
  }
  ASSIGN_OR_RETURN(const auto answer, client->call(cri::VersionRequest{}));
  std::cout << answer.runtime_name() << "d   " << answer.runtime_version() << " (CRI "
            << answer.runtime_api_version() << ")\n";
  return 0;
}

}  // namespace

void add_version(Verb cli) {
  cli.add("version", "berthctl's version, and berthd's when it can be reached").runs(version);
}

}  // namespace berth::ctl
