// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/keyed_lock.hpp"
#include "base/lane.hpp"
#include "base/reactor.hpp"
#include "base/single_flight.hpp"
#include "daemon/config.hpp"
#include "daemon/ops/exit_board.hpp"
#include "daemon/state/container.hpp"
#include "daemon/state/event_feed.hpp"
#include "daemon/state/layout.hpp"
#include "daemon/state/network_sampler.hpp"
#include "daemon/state/object_store.hpp"
#include "daemon/state/pod_sandbox.hpp"
#include "daemon/state/stream_requests.hpp"
#include "daemon/state/usage_sampler.hpp"
#include "image/image_store.hpp"
#include "image/puller.hpp"
#include "image/snapshotter.hpp"
#include "netcni/networks.hpp"
#include "runtime/apparmor.hpp"
#include "runtime/cgroup/manager.hpp"
#include "runtime/seccomp_program.hpp"
#include "runtime/shim_binary.hpp"
#include "runtime/shim_client.hpp"

namespace berth::daemon {

/// Everything an operation may use. Owned by App; ops never store references to it beyond the
/// daemon's life.
struct Services {
  Config config;
  Layout layout;
  std::string boot_id;
  UniqueFd shim_log;
  std::stop_source stopping;  ///< for what runs in the background and takes long

  std::unique_ptr<Reactor> reactor;
  std::unique_ptr<Lane> background;  ///< clean-up that nobody waits for
  std::unique_ptr<runtime::cgroup::Manager> cgroups;
  std::unique_ptr<runtime::ShimBinary> shim_binary;
  std::unique_ptr<image::ImageStore> images;
  std::unique_ptr<image::Puller> puller;
  std::unique_ptr<image::Snapshotter> snapshots;
  std::unique_ptr<netcni::Networks> networks;
  std::unique_ptr<UsageSampler> usage;
  std::unique_ptr<NetworkSampler> network_usage;
  Result<void> user_namespaces;  ///< why pods cannot have them here
  runtime::SeccompCompiler seccomp;
  /// Ready when the default profile has been compiled and loaded, which takes a second that nobody waits
  /// for who needs no profile.
  std::shared_future<runtime::Apparmor> apparmor;

  ObjectStore<PodSandbox> pods{"pod sandbox"};
  ObjectStore<Container> containers{"container"};
  EventFeed events;  ///< ops/events.hpp fills it
  KeyedLock leases;  ///< "pod/<id>", "container/<id>"; pod before container
  StrayExits stray_exits;
  ExecBoard execs;
  StreamRequests streams;               ///< of Exec, Attach and PortForward, until their clients come
  SingleFlight<std::string> creations;  ///< by name key: a repeated creation joins the one in flight
};

/// What an operation may know about the call it serves.
struct Call {
  std::string_view method;
  std::stop_token cancelled;  ///< the client has gone, or its deadline has passed
  std::chrono::steady_clock::time_point deadline;
};

/// How long a creation waits for things that ought to take milliseconds: the shim, the kernel.
inline constexpr std::chrono::seconds kShimPatience{30};

inline std::chrono::steady_clock::time_point shim_deadline() {
  return std::chrono::steady_clock::now() + kShimPatience;
}

}  // namespace berth::daemon
