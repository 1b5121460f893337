// SPDX-License-Identifier: Apache-2.0
#include "runtime/init_mode.hpp"

namespace berth::runtime {

void add_init(const std::string& program, InitSignals signals, oci::Spec& spec) {
  spec.mounts.push_back({"/dev/init", "bind", program, {"bind", "ro", "nosuid", "nodev", "rprivate"}});
  auto& args = spec.process.args;
  args.insert(args.begin(), "--");
  if (signals == InitSignals::kGroup) args.insert(args.begin(), "-g");
  args.insert(args.begin(), {"/dev/init", "init"});
}

}  // namespace berth::runtime
