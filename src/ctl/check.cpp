// SPDX-License-Identifier: Apache-2.0
#include "ctl/check.hpp"

#include <iostream>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

const char* mark(Verdict verdict) {
  if (verdict == Verdict::kGood) return "✓";
  return verdict == Verdict::kBad ? "✗" : "!";
}

Result<int> check(const Context& context) {
  ASSIGN_OR_RETURN(const auto loaded, daemon::load_config(context.config_path, context.config_named));
  RETURN_IF_ERROR(daemon::check_config(loaded.config));
  int missing = 0;
  for (const auto& part : {probe_kernel(), probe_host(loaded.config), probe_network(loaded.config)}) {
    for (const auto& finding : part) {
      std::cout << mark(finding.verdict) << " " << finding.what;
      if (!finding.remedy.empty()) std::cout << "\n    -> " << finding.remedy;
      std::cout << "\n";
      missing += finding.verdict == Verdict::kBad ? 1 : 0;
    }
  }
  if (missing == 0) {
    std::cout << "this host can run pods\n";
  } else {
    std::cout << cat(missing, missing == 1 ? " requirement is" : " requirements are", " not met\n");
  }
  return missing == 0 ? 0 : 1;
}

}  // namespace

void add_check(Verb cli) {
  cli.add("check", "Can this host run pods? One line per requirement, with the remedy")
      .footer(
          "✓ met; ✗ missing, exit status 1; ! works, but with less. Changes nothing.\n\n"
          "Example:\n  berthctl check --config /etc/berth/berth.toml")
      .runs(check);
}

}  // namespace berth::ctl
