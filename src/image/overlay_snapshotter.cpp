// SPDX-License-Identifier: Apache-2.0
#include "image/overlay_snapshotter.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "base/cat.hpp"
#include "base/clock.hpp"
#include "base/dir.hpp"
#include "base/failpoint.hpp"
#include "base/log.hpp"
#include "base/remove_tree.hpp"
#include "image/layer_apply.hpp"
#include "image/layer_apply_attributes.hpp"
#include "image/layer_apply_lowers.hpp"
#include "image/overlay_usage.hpp"
#include "image/store_holds.hpp"

namespace berth::image {
namespace {

Error failed_here(std::string_view name) {
  return {Code::kInternal, cat("failpoint ", name)};
}

// A key becomes a directory's name; a leading dot is for our own.
Result<void> check_key(const std::string& key) {
  const bool bad = key.empty() || key.size() > 128 || key.front() == '.' ||
                   key.find('/') != std::string::npos || key.find('\0') != std::string::npos;
  if (bad) return Error(Code::kInvalidArgument, cat("not a snapshot key: \"", key.c_str(), "\""));
  return {};
}

bool has_mark(const UniqueFd& directory, const char* name) {
  char value = 0;
  return ::fgetxattr(directory.get(), name, &value, 1) == 1 && value == 'y';
}

/// The root of the mounted tree is the upper directory's: it must look like the image's.
Result<void> copy_root(const std::string& from, int id_map, const std::string& to) {
  ASSIGN_OR_RETURN(const UniqueFd lower, open_lower(from, id_map));
  ASSIGN_OR_RETURN(const UniqueFd original, open_beneath(lower.get(), ".", O_RDONLY | O_DIRECTORY));
  ASSIGN_OR_RETURN(const UniqueFd copy, open_at(kCwd, to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  struct stat status {};
  if (::fstat(original.get(), &status) != 0) return Error::from_errno(errno, "stat", from);
  ASSIGN_OR_RETURN(const Xattrs xattrs, get_xattrs(original.get()));
  if (::fchown(copy.get(), status.st_uid, status.st_gid) != 0)
    return Error::from_errno(errno, "change the owner of", to);
  RETURN_IF_ERROR(set_xattrs(copy.get(), xattrs).context(to));
  if (::fchmod(copy.get(), status.st_mode & 07777) != 0)
    return Error::from_errno(errno, "set the mode of", to);
  return set_times({copy.get(), "."}, status.st_mtim.tv_sec,
                   static_cast<std::uint32_t>(status.st_mtim.tv_nsec));
}

/// Of the layers, topmost first, the one whose tar described the root directory.
std::string root_template(const std::vector<std::string>& lowers) {
  for (const std::string& lower : lowers) {
    const auto directory = open_at(kCwd, lower, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (directory && !has_mark(*directory, kImpliedRootXattr)) return lower;
  }
  return lowers.back();
}

}  // namespace

Result<std::unique_ptr<Snapshotter>> Snapshotter::open(const std::string& root, ImageStore& store) {
  return OverlaySnapshotter::open(root, store);
}

OverlaySnapshotter::OverlaySnapshotter(const std::string& root, ImageStore& store)
    : layout_(root),
      store_(store),
      trash_(Lane::Options{.name = "snapshot-trash", .min_threads = 0, .max_threads = 1}) {}

OverlaySnapshotter::~OverlaySnapshotter() {
  closing_ = true;
}

Result<std::unique_ptr<Snapshotter>> OverlaySnapshotter::open(const std::string& root, ImageStore& store) {
  std::unique_ptr<OverlaySnapshotter> snapshotter(new OverlaySnapshotter(root, store));
  const SnapshotLayout& layout = snapshotter->layout_;
  for (const std::string& directory : {layout.root(), layout.trash(), layout.empty()}) {
    RETURN_IF_ERROR(make_dirs(directory, 0700));
  }
  for (const char* name : {"/a", "/b", "/mount"}) RETURN_IF_ERROR(make_dirs(layout.empty() + name, 0755));
  if (!snapshotter->trash_.try_post([raw = snapshotter.get()] { raw->empty_trash(); })) {
    log::warn("deleted snapshots stay until the next start");
  }
  return std::unique_ptr<Snapshotter>(std::move(snapshotter));
}

/// Topmost first. An opaque root hides all layers below it, which overlayfs would not notice.
Result<OverlayRequest> OverlaySnapshotter::lowers_of(const Image& image) const {
  OverlayRequest request;
  request.scratch = layout_.empty() + "/mount";
  for (auto layer = image.layers.rbegin(); layer != image.layers.rend(); ++layer) {
    request.lowers.push_back(store_.layer_dir(*layer));
    ASSIGN_OR_RETURN(const UniqueFd directory,
                     open_at(kCwd, request.lowers.back(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (is_opaque(directory.get())) break;
  }
  if (request.lowers.size() > kMaxOverlayLowers) {
    return Error(Code::kFailedPrecondition,
                 cat("image ", image.id, " has more than ", kMaxOverlayLowers, " layers"));
  }
  if (request.lowers.empty()) request.lowers.push_back(layout_.empty() + "/a");
  return request;
}

Result<UniqueFd> OverlaySnapshotter::prepare(const std::string& key, const Image& image, int id_map) {
  RETURN_IF_ERROR(check_key(key));
  if (exists(layout_.snapshot(key))) return Error(Code::kAlreadyExists, cat("snapshot ", key, " exists"));
  // Held before anything is on disk, so that no removal can come between.
  RETURN_IF_ERROR(store_.hold_layers(key, image.layers).context("prepare snapshot " + key));
  const auto build = [&]() -> Result<UniqueFd> {
    ASSIGN_OR_RETURN(OverlayRequest request, lowers_of(image));
    request.id_map = id_map;
    RETURN_IF_ERROR(make_directories(key, image, request));
    if (failpoint("snapshot.mount")) return failed_here("snapshot.mount");
    request.upper = layout_.upper(key);
    request.work = layout_.work(key);
    return mount_overlay(request);
  };
  auto mounted = build().context("prepare snapshot " + key);
  if (!mounted) (void)remove(key);
  return mounted;
}

Result<void> OverlaySnapshotter::make_directories(const std::string& key, const Image& image,
                                                  const OverlayRequest& request) const {
  RETURN_IF_ERROR(make_dirs(layout_.snapshot(key), 0700));
  if (failpoint("snapshot.layers")) return failed_here("snapshot.layers");
  RETURN_IF_ERROR(write_held_layers(layout_, key, image.layers));
  RETURN_IF_ERROR(make_dirs(layout_.upper(key), 0755));
  RETURN_IF_ERROR(make_dirs(layout_.work(key), 0700));
  return copy_root(root_template(request.lowers), request.id_map, layout_.upper(key));
}

Result<UniqueFd> OverlaySnapshotter::mount_image(const Image& image, int id_map, const std::string& inside) {
  ASSIGN_OR_RETURN(OverlayRequest request, lowers_of(image));
  request.id_map = id_map;
  // Without an upper directory overlayfs wants two lowers. The empty one goes below, so that the
  // root is the image's.
  if (request.lowers.size() == 1) request.lowers.push_back(layout_.empty() + "/b");
  auto mounted = mount_overlay(request).context("mount image " + image.id);
  if (!mounted || inside.empty()) return mounted;
  return detach_directory(*mounted, inside, request.scratch).context(cat("image_sub_path \"", inside, "\""));
}

Result<void> OverlaySnapshotter::check_id_map(int id_map) const {
  OverlayRequest request;
  request.lowers = {layout_.empty() + "/a", layout_.empty() + "/b"};
  request.scratch = layout_.empty() + "/mount";
  request.id_map = id_map;
  ASSIGN_OR_RETURN(const UniqueFd mounted, mount_overlay(request));
  return {};
}

Result<void> OverlaySnapshotter::remove(const std::string& key) {
  RETURN_IF_ERROR(check_key(key));
  if (failpoint("snapshot.trash")) return failed_here("snapshot.trash");
  const std::string away = cat(layout_.trash(), "/", key, ".", now_ns(), ".", next_trash_.fetch_add(1));
  const bool moved = ::rename(layout_.snapshot(key).c_str(), away.c_str()) == 0;
  if (!moved && errno != ENOENT) return Error::from_errno(errno, "discard snapshot", key);
  store_.release_layers(key);
  if (!moved) return {};
  const bool posted = trash_.try_post([this, away] {
    if (closing_) return;
    auto removed = remove_tree(away);
    if (!removed) log::warn("cannot delete a snapshot", {{"error", removed.error().to_string()}});
  });
  if (!posted) log::warn("a deleted snapshot stays until the next start", {{"path", away}});
  return {};
}

void OverlaySnapshotter::empty_trash() {
  const auto names = list_dir(layout_.trash());
  if (!names) return;
  for (const std::string& name : *names) {
    if (closing_) return;
    auto removed = remove_tree(cat(layout_.trash(), "/", name));
    if (!removed) log::warn("cannot delete a snapshot", {{"error", removed.error().to_string()}});
  }
}

std::vector<std::string> OverlaySnapshotter::keys() const {
  std::vector<std::string> keys;
  auto names = list_dir(layout_.root());
  if (!names) return keys;
  for (std::string& name : *names) {
    if (!name.starts_with('.')) keys.push_back(std::move(name));
  }
  return keys;
}

Result<Snapshotter::Usage> OverlaySnapshotter::usage(const std::string& key) const {
  RETURN_IF_ERROR(check_key(key));
  if (!exists(layout_.snapshot(key))) return Error(Code::kNotFound, cat("no snapshot ", key));
  return measure_tree(layout_.upper(key)).context("measure snapshot " + key);
}

std::string OverlaySnapshotter::upper_dir(const std::string& key) const {
  return layout_.upper(key);
}

}  // namespace berth::image
