// SPDX-License-Identifier: Apache-2.0
#include "netcni/networks.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "base/cat.hpp"
#include "base/guarded.hpp"
#include "base/lane.hpp"
#include "base/log.hpp"
#include "netcni/chain.hpp"
#include "netcni/conf_dir.hpp"
#include "netcni/conf_watcher.hpp"
#include "netcni/result.hpp"

namespace berth::netcni {
namespace {

/// What the directories said when they were last read. Immutable once published.
struct Network {
  std::shared_ptr<const Conflist> list;  ///< null: no configuration
  std::optional<Error> not_ready;
  std::vector<std::string> skipped;
};

Error nothing_configured(const std::string& dir, const ConfDirContent& content) {
  if (content.skipped.empty()) return {Code::kUnavailable, cat("no network configuration in ", dir)};
  return {Code::kUnavailable, cat("no usable network configuration in ", dir, ": ", content.skipped.front())};
}

Network look(const Networks::Options& options) {
  ConfDirContent content = read_conf_dir(options.conf_dir);
  Network network;
  network.skipped = content.skipped;
  if (!content.network) {
    network.not_ready = nothing_configured(options.conf_dir, content);
    return network;
  }
  for (const PluginConf& plugin : content.network->plugins) {
    auto found = find_plugin(options.bin_dirs, plugin.type)
                     .context(cat("network \"", content.network->name, "\" of ", content.file));
    if (found) continue;
    network.not_ready = std::move(found).error().recode(Code::kUnavailable);
    break;
  }
  network.list = std::make_shared<const Conflist>(*std::move(content.network));
  return network;
}

/// One look on the reactor's behalf waits at a time: a burst of changes needs no more.
Lane::Options reader_lane() {
  return {.name = "cni-conf", .min_threads = 0, .max_threads = 1, .queue_limit = 1};
}

class PodNetworks final : public Networks {
 public:
  explicit PodNetworks(const Options& options)
      : options_(options), host_{options.bin_dirs, options.plugin_timeout}, reader_(reader_lane()) {}
  ~PodNetworks() override {
    if (watcher_) watcher_->stop();
  }

  Result<void> watch(Reactor& reactor) {
    std::vector<std::string> dirs = options_.bin_dirs;
    dirs.push_back(options_.conf_dir);
    ASSIGN_OR_RETURN(watcher_, ConfWatcher::start(std::move(dirs), reactor, [this] { post_look(); }));
    look_again();
    return {};
  }

  Result<void> ready() const override {
    auto network = current_.lock();
    if (network->not_ready) return *network->not_ready;
    return {};
  }

  std::string network_name() const override {
    auto network = current_.lock();
    return network->list ? network->list->name : "";
  }

  Result<Attachment> attach(const AttachRequest& request, std::stop_token cancel,
                            const Announce& announce) override {
    ASSIGN_OR_RETURN(const Arguments arguments, arguments_of(request));
    ASSIGN_OR_RETURN(const std::shared_ptr<const Conflist> list, usable_list());
    const Chain chain(host_, *list, arguments);
    Attachment attachment{list->text, "", netcni::to_json(arguments), {}};
    if (announce) RETURN_IF_ERROR(announce(attachment));
    ASSIGN_OR_RETURN(const Json result, chain.add(std::move(cancel)));
    attachment.result_json = to_text(result);
    attachment.ips = pod_ips(result, arguments.ifname);
    if (attachment.ips.empty())
      log::warn("the network gave the pod no IP address", {{"pod", request.pod_id}, {"network", list->name}});
    return attachment;
  }

  Result<Attachment> plan(const AttachRequest& request, const std::vector<std::string>& ips) override {
    ASSIGN_OR_RETURN(const Arguments arguments, arguments_of(request));
    ASSIGN_OR_RETURN(const std::shared_ptr<const Conflist> list, usable_list());
    const std::string result =
        ips.empty() ? "" : to_text(make_result(list->version, arguments.ifname, arguments.netns, ips));
    return Attachment{list->text, result, netcni::to_json(arguments), ips};
  }

  Result<void> detach(const Attachment& attachment) override {
    ASSIGN_OR_RETURN(const Stored stored, load(attachment));
    return Chain(host_, stored.list, stored.arguments).del(stored.result);
  }

  Result<void> check(const Attachment& attachment) override {
    ASSIGN_OR_RETURN(const Stored stored, load(attachment));
    return Chain(host_, stored.list, stored.arguments).check(stored.result);
  }

 private:
  struct Stored {
    Conflist list;
    Arguments arguments;
    Json result;
  };

  static Result<Stored> load(const Attachment& attachment) {
    Stored stored;
    ASSIGN_OR_RETURN(stored.list, parse_conflist(attachment.conflist_json, "stored network configuration"));
    ASSIGN_OR_RETURN(stored.arguments, arguments_from_json(attachment.args_json));
    if (attachment.result_json.empty()) return stored;
    ASSIGN_OR_RETURN(stored.result,
                     parse_result(attachment.result_json, stored.list.version, "stored network result"));
    return stored;
  }

  /// A caller who was told "not ready" may have installed what was missing a moment ago: look again
  /// before refusing it.
  Result<std::shared_ptr<const Conflist>> usable_list() {
    if (!ready()) look_again();
    auto network = current_.lock();
    if (network->not_ready) return *network->not_ready;
    return network->list;
  }

  void post_look() {
    if (look_posted_.exchange(true)) return;
    const bool posted = reader_.try_post([this] {
      look_posted_ = false;  // before looking: what changes from here on wants another look
      look_again();
    });
    if (!posted) look_posted_ = false;
  }

  void look_again() {
    std::lock_guard one_at_a_time(looking_);
    watcher_->rearm();
    Network next = look(options_);
    Network previous;
    {
      auto current = current_.lock();
      previous = std::exchange(*current, next);
    }
    report(previous, next);
  }

  static void report(const Network& previous, const Network& next) {
    for (const std::string& why : next.skipped) {
      if (std::find(previous.skipped.begin(), previous.skipped.end(), why) == previous.skipped.end()) {
        log::warn("network configuration skipped", {{"error", why}});
      }
    }
    const auto state = [](const Network& network) {
      if (network.not_ready) return network.not_ready->to_string();
      return network.list ? network.list->text : std::string();
    };
    if (state(previous) == state(next)) return;
    if (next.not_ready) {
      log::warn("pod network is not ready", {{"error", next.not_ready->to_string()}});
    } else {
      log::info("pod network is ready", {{"network", next.list->name}});
    }
  }

  const Options options_;
  const PluginHost host_;
  Guarded<Network> current_;
  std::mutex looking_;  // orders whole looks, so that an older one never overwrites a newer
  std::atomic<bool> look_posted_ = false;
  std::unique_ptr<ConfWatcher> watcher_;
  Lane reader_;  // last: its destructor waits for a running look
};

Result<void> check_options(const Networks::Options& options) {
  std::vector<std::string> dirs = options.bin_dirs;
  dirs.push_back(options.conf_dir);
  for (const std::string& dir : dirs) {
    // A colon would split the directory in two in CNI_PATH.
    const bool valid =
        dir.starts_with('/') && dir.find(':') == std::string::npos && dir.find('\0') == std::string::npos;
    if (!valid)
      return Error(Code::kInvalidArgument,
                   cat("CNI directory \"", dir, "\" is not an absolute path without colon"));
  }
  if (options.bin_dirs.empty()) return Error(Code::kInvalidArgument, "no CNI plugin directory is given");
  return {};
}

}  // namespace

Result<std::unique_ptr<Networks>> Networks::open(const Options& options, Reactor& reactor) {
  RETURN_IF_ERROR(check_options(options));
  auto networks = std::make_unique<PodNetworks>(options);
  RETURN_IF_ERROR(networks->watch(reactor).context("open the pod network"));
  return std::unique_ptr<Networks>(std::move(networks));
}

}  // namespace berth::netcni
