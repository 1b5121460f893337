// SPDX-License-Identifier: Apache-2.0
#include "daemon/app.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/lock_file.hpp"
#include "base/log.hpp"
#include "base/process_id.hpp"
#include "daemon/ops/image_policy.hpp"
#include "daemon/ops/one_time_auth.hpp"
#include "daemon/ops/pod_cgroup.hpp"
#include "daemon/ops/preload_images.hpp"
#include "daemon/ops/recovery.hpp"
#include "daemon/sd_notify.hpp"
#include "runtime/kernel_calls.hpp"
#include "runtime/namespaces_user.hpp"
#include "runtime/net_counters.hpp"
#include "runtime/oci/id_mappings.hpp"

namespace berth::daemon {
namespace {

constexpr std::chrono::milliseconds kStopPatience{3000};
constexpr std::chrono::seconds kParserPatience{20};

/// A helper binary: as configured, beside our own executable, or where packages put it.
Result<std::string> find_helper(const std::string& configured, const char* name) {
  if (!configured.empty()) return configured;
  char self[4096];
  const ssize_t length = ::readlink("/proc/self/exe", self, sizeof self);
  if (length <= 0) return Error::from_errno(errno, "read link", "/proc/self/exe");
  const std::string own(self, static_cast<std::size_t>(length));
  for (const std::string& candidate :
       {cat(own.substr(0, own.rfind('/')), "/", name), cat("/usr/libexec/berth/", name)}) {
    if (exists(candidate)) return candidate;
  }
  return Error(Code::kFailedPrecondition, cat(name, " is neither beside berthd nor in /usr/libexec/berth"));
}

/// Whether this kernel and the file system of the images can do what a pod's user namespace needs.
Result<void> probe_user_namespaces(const image::Snapshotter& snapshots) {
  const std::string map = oci::id_map_text({{0, 100'000, 65'536}});
  ASSIGN_OR_RETURN(const UniqueFd user, runtime::make_user_namespace(map, map));
  return snapshots.check_id_map(user.get());
}

}  // namespace

Result<void> App::lock_root() {
  RETURN_IF_ERROR(make_dirs(services_.layout.root, 0700));
  auto lock = lock_file(services_.layout.lock());
  if (!lock)
    return std::move(
        std::move(lock).error().add_context(cat("be the only berthd on ", services_.layout.root)));
  lock_ = *std::move(lock);
  return {};
}

Result<void> App::prepare_directories() {
  const Layout& layout = services_.layout;
  for (const auto& dir : {layout.pods(), layout.containers(), layout.snapshots(), layout.images(),
                          layout.state, layout.live_pods(), layout.netns_dir(), layout.attach_dir()}) {
    RETURN_IF_ERROR(make_dirs(dir, 0700));
  }
  ASSIGN_OR_RETURN(services_.shim_log, open_at(kCwd, layout.shim_log(), O_WRONLY | O_CREAT | O_APPEND, 0600));
  return {};
}

Result<void> App::open_modules() {
  Services& with = services_;
  const Config& config = with.config;
  ASSIGN_OR_RETURN(with.boot_id, boot_id());
  ASSIGN_OR_RETURN(with.reactor, Reactor::start());
  with.background = std::make_unique<Lane>(
      Lane::Options{.name = "background", .min_threads = 1, .max_threads = 8, .queue_limit = 100'000});
  ASSIGN_OR_RETURN(with.config.pid1_path, find_helper(config.pid1_path, "berth-pid1"));
  RETURN_IF_ERROR(open_cgroups(with));
  ASSIGN_OR_RETURN(auto shims, open_shim_cgroup(with));
  ASSIGN_OR_RETURN(auto binary, runtime::ShimBinary::load(config.pid1_path, std::move(shims)));
  with.shim_binary = std::make_unique<runtime::ShimBinary>(std::move(binary));
  ASSIGN_OR_RETURN(with.images, image::ImageStore::open({with.layout.images(), config.pinned,
                                                         with.layout.snapshots(), config.additional_stores}));
  image::PullerOptions pull;
  pull.registries.conf = {config.registries_conf, config.registries_conf_dir, config.short_name_aliases};
  pull.registries.certs_dirs = config.certs_dirs;
  pull.registries.auth_files = config.auth_files;
  pull.registries.helper_dirs = config.credential_helper_dirs;
  pull.registries.proxy = {config.http_proxy, config.https_proxy, config.no_proxy};
  pull.max_parallel_layers = config.max_parallel_layers;
  pull.registries_d = config.registries_d;
  pull.progress_timeout = std::chrono::seconds(config.pull_progress_timeout);
  ASSIGN_OR_RETURN(pull.unpack_program, find_helper(config.unpack_path, "berth-unpack"));
  ASSIGN_OR_RETURN(with.puller, image::Puller::create(pull, *with.images));
  ASSIGN_OR_RETURN(with.snapshots, image::Snapshotter::open(with.layout.snapshots(), *with.images));
  with.user_namespaces = probe_user_namespaces(*with.snapshots);
  if (!with.user_namespaces)
    log::warn("pods cannot have user namespaces", {{"error", with.user_namespaces.error().to_string()}});
  with.usage = std::make_unique<UsageSampler>(*with.snapshots, *with.background);
  with.network_usage = std::make_unique<NetworkSampler>([&layout = with.layout](const std::string& pod) {
    return runtime::interface_counters(layout.netns(pod));
  });
  netcni::Networks::Options networks;
  networks.conf_dir = config.cni_conf_dir;
  networks.bin_dirs = config.cni_bin_dirs;
  networks.plugin_timeout = std::chrono::seconds(config.cni_timeout);
  ASSIGN_OR_RETURN(with.networks, netcni::Networks::open(networks, *with.reactor));
  return {};
}

/// In the background: the parser takes a second. A node without it still runs pods; what they lack is said
/// here and in the status.
void App::prepare_apparmor() {
  const auto promise = std::make_shared<std::promise<runtime::Apparmor>>();
  services_.apparmor = promise->get_future().share();
  const auto load = [promise] {
    runtime::Apparmor state = runtime::load_apparmor_default(kParserPatience);
    if (!state.problem.empty())
      log::warn("containers get no AppArmor profile by default", {{"error", state.problem}});
    promise->set_value(std::move(state));
  };
  if (!runtime::apparmor_enabled() || !services_.background->try_post(load)) load();
}

void App::feed_watchdog() {
  const auto interval = watchdog_interval();
  if (!interval) return;
  // From the reactor, so that a reactor that hangs is noticed.
  sd_notify("WATCHDOG=1");
  services_.reactor->after(*interval, [this] { feed_watchdog(); });
}

Result<std::unique_ptr<App>> App::start(Config config) {
  std::unique_ptr<App> app(new App());
  app->services_.layout = {config.root, config.state};
  app->services_.config = std::move(config);
  RETURN_IF_ERROR(runtime::check_needed_calls());
  take_proxies_from_environment(app->services_.config);
  RETURN_IF_ERROR(check_policies(app->services_.config));
  RETURN_IF_ERROR(app->lock_root());
  OneTimeAuth::clean_up(app->services_.config.auth_dir);
  RETURN_IF_ERROR(app->prepare_directories());
  RETURN_IF_ERROR(app->open_modules());
  app->prepare_apparmor();
  RETURN_IF_ERROR(recover(app->services_).context("recover"));
  ASSIGN_OR_RETURN(app->streams_, streaming::Server::start(app->services_));
  ASSIGN_OR_RETURN(app->server_, rpc::Server::start(app->services_));
  preload_images(app->services_, app->preloads_);
  log::info("serving",
            {{"socket", app->services_.config.listen}, {"cgroups", app->services_.cgroups->describe()}});
  sd_notify("READY=1");
  app->feed_watchdog();
  return app;
}

void App::run_until_signal() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  int received = 0;
  sigwait(&signals, &received);
  log::info("stopping; pods go on", {{"signal", ::strsignal(received)}});
  sd_notify("STOPPING=1");
}

App::~App() {
  if (!server_) return;
  services_.stopping.request_stop();
  // Everything is on disk and in the shims: what is still in flight is for the next start to find.
  // A call that cannot end must not keep the daemon.
  services_.reactor->after(kStopPatience, [] { ::_exit(0); });
  server_.reset();
  streams_.reset();
  // Without pods nothing of ours stays in the cgroup tree; with pods these are in use and stay.
  services_.cgroups->remove_if_empty(shim_cgroup(services_));
  services_.cgroups->remove_if_empty(services_.config.cgroup_parent);
}

}  // namespace berth::daemon
