// SPDX-License-Identifier: Apache-2.0
// Starts a bundle's container in a pod whose shim runs already: no process of a runtime is started for it.
//
//   shim_starts BUNDLE CGROUP TIMES     a line per start: ms until execve, ms until all is gone
#include <fcntl.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <stdexcept>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/reactor.hpp"
#include "runtime/cli/bundle.hpp"
#include "runtime/mount_tree.hpp"
#include "runtime/shim_binary.hpp"
#include "runtime/shim_client.hpp"
#include "tree.hpp"

namespace {

using namespace berth;
using namespace berth::runtime;
using Clock = std::chrono::steady_clock;

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().to_string());
  return *std::move(result);
}
void must(const Result<void>& result) {
  if (!result) throw std::runtime_error(result.error().to_string());
}

Clock::time_point soon() {
  return Clock::now() + std::chrono::seconds(30);
}

double since(Clock::time_point began) {
  return std::chrono::duration<double, std::milli>(Clock::now() - began).count();
}

class Pod {
 public:
  Pod(const std::string& bundle, std::string cgroup)
      : bundle_(must(cli::load_bundle(bundle))),
        cgroup_(std::move(cgroup)),
        binary_(must(ShimBinary::load(BERTH_PID1, {}))),
        reactor_(must(Reactor::start())),
        cgroups_(must(cgroup::Manager::open({}))) {
    cli::add_default_rules(bundle_.spec.linux_.resources.devices);
    must(cli::complete_spec(bundle_, *cgroups_, cgroup_, bundle_.spec));
    must(binary_.spawn(tree_.path("pod"), STDERR_FILENO));
    ShimClient::Events events;
    events.exited = [this](const shim::ObjectState& state) { exited_.set_value(state.exit.exit_code); };
    client_ = must(ShimClient::connect(tree_.path("pod"), *reactor_, std::move(events)));
  }
  ~Pod() { (void)client_->shut_down(soon()); }
  Pod(const Pod&) = delete;
  Pod& operator=(const Pod&) = delete;

  void start_one() {
    const auto began = Clock::now();
    exited_ = {};
    must(cgroups_->create(cgroup_, bundle_.spec.linux_.resources));
    ShimClient::LaunchRequest request;
    request.id = id_;
    request.plan = plan();
    const auto labels = request.plan.labels;
    must(client_->launch(std::move(request), soon()));
    must(client_->start(id_, labels, soon()));
    const double running = since(began);
    if (exited_.get_future().get() != 0) throw std::runtime_error("the program failed");
    must(client_->forget(id_));
    must(cgroups_->remove(cgroup_, std::chrono::seconds(5)));
    std::printf("%.3f %.3f\n", running, since(began));
  }

 private:
  LaunchPlan plan() {
    CompileOptions options;
    options.attach_dir = tree_.path("attach");
    options.bundle = bundle_.path;
    options.container_id = id_;
    auto compiled = must(compile_container(bundle_.spec, options));
    PlanResources resources;
    resources.rootfs = must(clone_tree(bundle_.rootfs, true));
    cgroup::JoinFds join = must(cgroups_->open_join(cgroup_));
    resources.cgroup_tasks = std::move(join.tasks);
    resources.cgroup_v2 = std::move(join.v2);
    return must(materialise(std::move(*compiled), std::move(resources)));
  }

  const std::string id_ = std::string(64, 'b');
  berth::testing::Tree tree_{{"pod/", ""}, {"attach/", ""}};
  cli::Bundle bundle_;
  std::string cgroup_;
  ShimBinary binary_;
  std::unique_ptr<Reactor> reactor_;
  std::unique_ptr<cgroup::Manager> cgroups_;
  std::promise<int> exited_;
  std::shared_ptr<ShimClient> client_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  try {
    Pod pod(argv[1], argv[2]);
    for (int times = std::atoi(argv[3]); times > 0; --times) pod.start_one();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "shim_starts: %s\n", error.what());
    return 1;
  }
  return 0;
}
