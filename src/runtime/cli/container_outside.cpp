// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/container_outside.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/json.hpp"
#include "base/mountinfo.hpp"
#include "runtime/oci/linux_check.hpp"
#include "runtime/plan/parts.hpp"

namespace berth::runtime::cli {
namespace {

constexpr std::size_t kMaxMountInfo = 16U << 20;
constexpr std::size_t kMaxStreams = 64U << 10;
constexpr std::string_view kStreams = "descriptors.json";
constexpr std::string_view kNetwork = "network";
constexpr std::string_view kPids = "pids";

bool is_bind(const oci::Mount& mount) {
  return mount.type == "bind" ||
         std::any_of(mount.options.begin(), mount.options.end(),
                     [](const auto& word) { return word == "bind" || word == "rbind"; });
}

std::string named_mount(std::string_view place, std::string_view what) {
  return cat("mnt[", place, "]:", what);
}

std::string hex(std::uint64_t number) {
  std::array<char, 16> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return {digits.data(), end};
}

Result<std::vector<MountEntry>> mounts_of(pid_t pid) {
  const std::string path = cat("/proc/", pid, "/mountinfo");
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxMountInfo));
  return parse_mountinfo(text);
}

/// A masked file, or a device where none could be made. The console is neither: it is the container's own.
bool is_device(int root, const std::string& path) {
  const auto file = open_in_root(root, path, O_PATH | O_NOFOLLOW);
  struct stat status {};
  return file && ::fstat(file->get(), &status) == 0 && S_ISCHR(status.st_mode);
}

Result<void> name_mounts(pid_t pid, const oci::Spec& spec, const std::vector<MountEntry>& mounts,
                         CriuJob& job) {
  ASSIGN_OR_RETURN(const UniqueFd root, open_at(kCwd, cat("/proc/", pid, "/root"), O_PATH | O_DIRECTORY));
  for (const MountEntry& entry : mounts) {
    const std::string& place = entry.mount_point;
    const bool bound = std::any_of(spec.mounts.begin(), spec.mounts.end(), [&](const oci::Mount& mount) {
      return is_bind(mount) && (mount.destination == place || place.starts_with(mount.destination + "/"));
    });
    const bool from_outside = entry.root != "/" && entry.filesystem != "devpts";
    if (bound || (from_outside && is_device(root.get(), place)))
      job.options.external.push_back(named_mount(place, place));
  }
  return {};
}

/// "pipe:[123]", "file[1a:2b]" for what no mount of the container shows, or the path of its own.
Result<std::string> name_of_stream(pid_t pid, int fd, const std::vector<MountEntry>& mounts) {
  const std::string path = cat("/proc/", pid, "/fd/", fd);
  std::array<char, 4096> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0 && errno == ENOENT) return std::string();
  if (size < 0) return Error::from_errno(errno, "read", path);
  std::string name(target.data(), static_cast<std::size_t>(size));
  if (name.front() != '/') return name;
  constexpr std::string_view kKey = "mnt_id:\t";
  ASSIGN_OR_RETURN(const std::string info, read_file(cat("/proc/", pid, "/fdinfo/", fd), kMaxStreams));
  std::uint64_t mount = 0;
  const std::size_t key = info.find(kKey);
  if (key == std::string::npos) return name;
  std::from_chars(info.data() + key + kKey.size(), info.data() + info.size(), mount);
  const bool own =
      std::any_of(mounts.begin(), mounts.end(), [&](const MountEntry& m) { return m.id == mount; });
  if (own) return name;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "stat", path);
  return cat("file[", hex(mount), ":", hex(status.st_ino), "]");
}

Result<void> name_streams(pid_t pid, const std::vector<MountEntry>& mounts, CriuJob& job) {
  Json names = Json::array();
  for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
    ASSIGN_OR_RETURN(const std::string name, name_of_stream(pid, fd, mounts));
    if (name.starts_with("file[")) job.options.external.push_back(name);
    names.push_back(name);
  }
  ASSIGN_OR_RETURN(const UniqueFd file, open_at(job.images.get(), std::string(kStreams),
                                                O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600));
  return write_fd(file.get(), to_text(names), kStreams);
}

Result<void> refuse_user_namespace(const oci::Spec& spec) {
  if (oci::find_namespace(spec.linux_, oci::NamespaceType::kUser) == nullptr) return {};
  return Error(
      Code::kUnimplemented,
      "a container with a user namespace has no checkpoint: CRIU would restore it by reading the images as "
      "its user, who must not see them");
}

/// CRIU leaves out the two that have a name here.
std::string_view outside_name(oci::NamespaceType type) {
  if (type == oci::NamespaceType::kNetwork) return kNetwork;
  return type == oci::NamespaceType::kPid ? kPids : std::string_view();
}

Result<void> name_namespaces(pid_t pid, const oci::Spec& spec, CriuJob& job) {
  for (const oci::Namespace& entry : spec.linux_.namespaces) {
    if (entry.path.empty()) continue;
    const std::string_view name = outside_name(entry.type);
    if (name.empty())
      return Error(Code::kUnimplemented, cat("a container in a namespace that is not its own (", entry.path,
                                             ") cannot be checkpointed, unless that is network or pid"));
    const std::string_view kind = name == kNetwork ? "net" : "pid";
    struct stat status {};
    const std::string path = cat("/proc/", pid, "/ns/", kind);
    if (::stat(path.c_str(), &status) != 0) return Error::from_errno(errno, "stat", path);
    job.options.external.push_back(cat(kind, "[", std::to_string(status.st_ino), "]:", name));
  }
  return {};
}

/// `name` in the images is what `fd` is here.
void provide(std::string_view name, UniqueFd fd, CriuJob& job) {
  const int number = kFirstCriuDescriptor + static_cast<int>(job.descriptors.size());
  job.descriptors.emplace_back(std::move(fd), number);
  job.options.inherited.emplace_back(name, number);
}

Result<void> provide_namespaces(const oci::Spec& spec, CriuJob& job) {
  for (const oci::Namespace& entry : spec.linux_.namespaces) {
    const std::string_view name = outside_name(entry.type);
    if (entry.path.empty() || name.empty()) continue;
    ASSIGN_OR_RETURN(UniqueFd fd, open_at(kCwd, entry.path, O_RDONLY));
    provide(name, std::move(fd), job);
  }
  return {};
}

/// CRIU compares a file's size, and sets its position.
Result<void> check_is_file(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) return {};
  return Error(Code::kFailedPrecondition,
               cat("the container's stream ", fd, " was a file, and only a file can take its place"));
}

/// Our own streams in place of those outside; the file beside the images may say anything.
Result<void> provide_streams(CriuJob& job) {
  const auto file = open_at(job.images.get(), std::string(kStreams), O_RDONLY | O_NOFOLLOW);
  if (!file && file.error().sys_errno() == ENOENT) return {};
  if (!file) return file.error();
  ASSIGN_OR_RETURN(const std::string text, read_fd(file->get(), kMaxStreams, kStreams));
  ASSIGN_OR_RETURN(const Json names, parse_json(text, kMaxStreams, kStreams));
  int fd = 0;
  for (const Json& name : names) {
    if (fd > STDERR_FILENO || !name.is_string()) break;
    const auto& words = name.get_ref<const std::string&>();
    if (words.starts_with("file[")) RETURN_IF_ERROR(check_is_file(fd));
    if (words.starts_with("pipe:") || words.starts_with("file[")) {
      UniqueFd own(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
      if (!own) return Error::from_errno(errno, "duplicate descriptor", std::to_string(fd));
      provide(words, std::move(own), job);
    }
    ++fd;
  }
  return {};
}

void provide_mounts(const oci::Spec& spec, const std::vector<MountEntry>& host, CriuJob& job) {
  auto& external = job.options.external;
  for (const std::string& path : spec.linux_.masked_paths) external.push_back(named_mount(path, "/dev/null"));
  for (const char* name : {"null", "zero", "full", "random", "urandom", "tty"})
    external.push_back(named_mount(cat("/dev/", name), cat("/dev/", name)));
  for (const oci::Device& device : spec.linux_.devices)
    external.push_back(named_mount(device.path, device.path));
  for (const oci::Mount& mount : spec.mounts) {
    if (!is_bind(mount)) continue;
    external.push_back(named_mount(mount.destination, mount.source));
    for (const MountEntry& below : host) {
      if (below.mount_point.starts_with(mount.source + "/"))
        external.push_back(named_mount(mount.destination + below.mount_point.substr(mount.source.size()),
                                       below.mount_point));
    }
  }
}

}  // namespace

Result<void> name_outside(pid_t pid, const oci::Spec& spec, CriuJob& job) {
  RETURN_IF_ERROR(refuse_user_namespace(spec));
  ASSIGN_OR_RETURN(const std::vector<MountEntry> mounts, mounts_of(pid));
  RETURN_IF_ERROR(name_mounts(pid, spec, mounts, job));
  RETURN_IF_ERROR(name_namespaces(pid, spec, job));
  return name_streams(pid, mounts, job);
}

Result<void> provide_outside(const oci::Spec& spec, CriuJob& job) {
  RETURN_IF_ERROR(refuse_user_namespace(spec));
  ASSIGN_OR_RETURN(const std::vector<MountEntry> host, read_mountinfo());
  provide_mounts(spec, host, job);
  RETURN_IF_ERROR(provide_namespaces(spec, job));
  return provide_streams(job);
}

}  // namespace berth::runtime::cli
