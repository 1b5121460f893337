// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

void print_conditions(const cri::RuntimeStatus& status, bool& good) {
  for (const auto& condition : status.conditions()) {
    std::cout << (condition.status() ? "✓ " : "✗ ") << condition.type();
    if (!condition.status()) std::cout << ": " << condition.reason() << ": " << condition.message();
    std::cout << "\n";
    good = good && condition.status();
  }
}

void print_handlers(const cri::StatusResponse& answer) {
  for (const auto& handler : answer.runtime_handlers()) {
    std::cout << "handler " << (handler.name().empty() ? "(default)" : handler.name()) << ":"
              << (handler.features().recursive_read_only_mounts() ? " recursive-read-only-mounts" : "")
              << (handler.features().user_namespaces() ? " user-namespaces" : "") << "\n";
  }
}

Result<int> status(const Context& context) {
  show_crictl(context, {"info"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto version, client.call(cri::VersionRequest{}));
  ASSIGN_OR_RETURN(const auto answer, client.call(cri::StatusRequest{}));
  ASSIGN_OR_RETURN(const auto pods, client.call(cri::ListPodSandboxRequest{}));
  ASSIGN_OR_RETURN(const auto containers, client.call(cri::ListContainersRequest{}));
  ASSIGN_OR_RETURN(const auto images, client.call(cri::ListImagesRequest{}));
  std::cout << version.runtime_name() << " " << version.runtime_version() << " at " << context.socket << "\n";
  bool good = true;
  print_conditions(answer.status(), good);
  print_handlers(answer);
  int ready = 0;
  for (const auto& pod : pods.items()) ready += pod.state() == cri::SANDBOX_READY ? 1 : 0;
  int running = 0;
  for (const auto& container : containers.containers())
    running += container.state() == cri::CONTAINER_RUNNING ? 1 : 0;
  std::cout << cat("pods: ", ready, " ready of ", pods.items_size(), "\n");
  std::cout << cat("containers: ", running, " running of ", containers.containers_size(), "\n");
  std::cout << cat("images: ", images.images_size(), "\n");
  return good ? 0 : 1;
}

}  // namespace

void add_status(Verb cli) {
  cli.add("status", "Is the daemon ready, and what does it run? Exit status 1 if not ready").runs(status);
}

}  // namespace berth::ctl
