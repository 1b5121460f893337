// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <functional>
#include <iostream>
#include <memory>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/crictl.hpp"
#include "ctl/smoke_pod.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

struct Step {
  const char* name;
  Result<void> (SmokePod::*run)();
  /// Asked before the step runs: an ID is known by then, and some steps forget it.
  std::function<std::string(const SmokePod&)> equivalent;
};

std::vector<Step> steps(const Context& context) {
  const auto crictl = [&context](auto... pieces) {
    return [&context, pieces...](const SmokePod& pod) {
      const auto text = [&pod](const auto& piece) -> std::string {
        if constexpr (std::is_member_function_pointer_v<std::decay_t<decltype(piece)>>) {
          return (pod.*piece)();
        } else {
          return piece;
        }
      };
      return crictl_line(context, {text(pieces)...});
    };
  };
  using Pod = SmokePod;
  return {
      {"image is there", &Pod::ensure_image, crictl("pull", &Pod::image)},
      {"run pod sandbox", &Pod::run, crictl("runp", &Pod::pod_file)},
      {"create container", &Pod::create,
       crictl("create", &Pod::pod_id, &Pod::container_file, &Pod::pod_file)},
      {"start container", &Pod::start, crictl("start", &Pod::container_id)},
      {"its log has its line", &Pod::await_log, crictl("logs", &Pod::container_id)},
      {"exec", &Pod::exec,
       crictl("exec", "--sync", &Pod::container_id, "sh", "-c", "echo out; echo err >&2; exit 3")},
      {"stats", &Pod::stats, crictl("stats", "--id", &Pod::container_id)},
      {"stop container", &Pod::stop, crictl("stop", "--timeout", "10", &Pod::container_id)},
      {"remove container", &Pod::remove_container, crictl("rm", &Pod::container_id)},
      {"stop pod sandbox", &Pod::stop_pod, crictl("stopp", &Pod::pod_id)},
      {"remove pod sandbox", &Pod::remove_pod, crictl("rmp", &Pod::pod_id)},
  };
}

std::string milliseconds(std::chrono::steady_clock::duration time) {
  const auto tenths = std::chrono::duration_cast<std::chrono::microseconds>(time).count() / 100;
  std::string text = cat(tenths / 10, ".", tenths % 10, " ms");
  return std::string(text.size() < 12 ? 12 - text.size() : 0, ' ') + text;
}

Result<int> smoke(const Context& context, const std::string& image, bool host_network) {
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  SmokePod pod(client, image, host_network);
  RETURN_IF_ERROR(pod.make_files());
  const auto begin = std::chrono::steady_clock::now();
  for (const Step& step : steps(context)) {
    const std::string name = step.name + std::string(22 - std::string_view(step.name).size(), ' ');
    const std::string equivalent = step.equivalent(pod);
    const auto since = std::chrono::steady_clock::now();
    const auto done = (pod.*step.run)();
    const std::string time = milliseconds(std::chrono::steady_clock::now() - since);
    std::cout << (done ? "✓ " : "✗ ") << name << time << "   " << equivalent << "\n" << std::flush;
    if (!done) return Error(done.error()).add_context(step.name);
  }
  std::cout << "all good              " << milliseconds(std::chrono::steady_clock::now() - begin) << "\n";
  return 0;
}

}  // namespace

void add_smoke(Verb cli) {
  auto image = std::make_shared<std::string>();
  auto host_network = std::make_shared<bool>(false);
  cli.add("smoke", "One pod end to end against the running daemon, with the time of each step")
      .required_option("--image", *image, "REF",
                       "An image with /bin/sh, echo and sleep; pulled if it is not in the store")
      .flag("--host-network", *host_network, "Do without CNI")
      .footer(
          "Leaves nothing behind, also when a step fails; the image stays. Each line ends with how to say it "
          "to "
          "crictl.\n\n"
          "Example:\n  berthctl image import busybox.tar --name busybox:latest && berthctl smoke --image "
          "busybox:latest")
      .runs([image, host_network](const Context& context) { return smoke(context, *image, *host_network); });
}

}  // namespace berth::ctl
