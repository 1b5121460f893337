// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/cat.hpp"

namespace berth::daemon {

/// Where things are. `root` survives a reboot, `state` does not.
///
///   <root>/lock                         held by the one daemon of this root
///   <root>/images/                      the image store (image/layout.hpp)
///   <root>/snapshots/<container>/       writable layers
///   <root>/pods/<pod>/record.json       immutable; written before anything of the pod exists
///                     status.json       replaced atomically; its absence means "never finished creating"
///                     attachment.json   CNI configuration and result
///   <root>/containers/<container>/{record.json,status.json}
///   <root>/quarantine/                  records that could not be read
///   <state>/pods/<pod>/shim.sock        the shim's control socket
///                     <container>.exit  exit records, written by the shim
///                     shm               the pod's /dev/shm (a tmpfs)
///                     etc/{resolv.conf,hostname,hosts}   bound into containers (a tmpfs)
///   <state>/netns/<pod>                 pinned network namespaces
///   <state>/attach/                     empty directory on which children attach their root
struct Layout {
  std::string root;
  std::string state;

  std::string lock() const { return cat(root, "/lock"); }
  std::string images() const { return cat(root, "/images"); }
  std::string snapshots() const { return cat(root, "/snapshots"); }
  std::string pods() const { return cat(root, "/pods"); }
  std::string pod(const std::string& id) const { return cat(root, "/pods/", id); }
  std::string containers() const { return cat(root, "/containers"); }
  std::string container(const std::string& id) const { return cat(root, "/containers/", id); }
  std::string quarantine() const { return cat(root, "/quarantine"); }
  std::string live_pods() const { return cat(state, "/pods"); }
  std::string live_pod(const std::string& id) const { return cat(state, "/pods/", id); }
  std::string shm(const std::string& id) const { return cat(state, "/pods/", id, "/shm"); }
  std::string etc(const std::string& id) const { return cat(state, "/pods/", id, "/etc"); }
  std::string netns_dir() const { return cat(state, "/netns"); }
  std::string netns(const std::string& id) const { return cat(state, "/netns/", id); }
  std::string attach_dir() const { return cat(state, "/attach"); }
  std::string shim_log() const { return cat(state, "/shim.log"); }
};

}  // namespace berth::daemon
