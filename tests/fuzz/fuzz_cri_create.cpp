// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <cstddef>
#include <cstdint>

#include "daemon/spec/container_spec.hpp"
#include "daemon/spec/stop_signal.hpp"
#include "daemon/spec/validate.hpp"
#include "recording_cgroups.hpp"
#include "runtime/oci/spec_json.hpp"
#include "tree.hpp"

// The old string form of a seccomp profile, too, names a file of the host.
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

namespace {

/// What a container is built on; the same for every input.
struct Node {
  berth::testing::Tree rootfs{{"etc/passwd", "root:x:0:0::/root:\napp:x:1000:1000::/home/app:\n"},
                              {"etc/group", "wheel:x:10:app\n"}};
  berth::UniqueFd rootfs_fd{::open(rootfs.root().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  berth::daemon::testing::RecordingCgroups cgroups;
  berth::daemon::Layout layout{"/var/lib/berth", "/run/berth"};
  berth::daemon::PodRecord pod;
  berth::image::ImageConfig image;
  berth::daemon::HandlerConfig handler;
  std::vector<std::string> ulimits;
  std::string pid1 = "/berth-pid1";
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Node node;
  runtime::v1::CreateContainerRequest request;
  if (size > 1 << 20 || !request.ParseFromArray(data, static_cast<int>(size))) return 0;
  auto& config = *request.mutable_config();
  if (!berth::daemon::validate_container(config) || !berth::daemon::validate_pod(request.sandbox_config()))
    return 0;
  (void)berth::daemon::to_cri_signal(berth::daemon::effective_stop_signal(config, config.working_dir()));
  // The host's files and devices are not what is tested here.
  config.clear_mounts();
  config.clear_devices();
  if (auto* security = config.mutable_linux()->mutable_security_context()) {
    security->set_privileged(false);
    security->clear_seccomp();
    security->clear_seccomp_profile_path();
  }
  const auto built =
      berth::daemon::build_container_spec({node.pod, config, node.image, node.rootfs_fd.get(), node.layout,
                                           node.cgroups, node.handler, "/c", 0, node.ulimits, node.pid1});
  // What is put into a container's record must be readable by the next daemon.
  if (built && !berth::oci::parse_spec(berth::to_text(berth::oci::to_json(built->spec)))) __builtin_trap();
  return 0;
}
