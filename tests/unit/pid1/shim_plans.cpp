// SPDX-License-Identifier: Apache-2.0
// The plans that the shim's system tests launch.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "shim_fixture.hpp"

namespace berth::pid1::test {
namespace {

using plan::OpKind;
using plan::Phase;

std::vector<int> raw(const std::vector<UniqueFd>& fds) {
  std::vector<int> values;
  for (const UniqueFd& fd : fds) values.push_back(fd.get());
  return values;
}

void mount_new(PlanWriter& writer, const char* type, const char* target,
               const std::vector<std::string>& options) {
  plan::Op& op = writer.add(OpKind::kMountNew, Phase::kFiles);
  op.text = writer.text(type);
  op.target = writer.text(target);
  if (!options.empty()) op.extra = writer.list(options);
  op.flags = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
}

void add_identity(PlanWriter& writer, uint32_t uid) {
  writer.add(OpKind::kGroups, Phase::kPrivileges);
  plan::Op& ids = writer.add(OpKind::kIds, Phase::kPrivileges);
  ids.flags = uid;
  ids.value = uid;
  writer.add(OpKind::kNoNewPrivs, Phase::kPrivileges);
  writer.add(OpKind::kFindProgram, Phase::kPrivileges);
}

}  // namespace

ContainerPlan::ContainerPlan(const Scratch& scratch)
    : clone_flags(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC),
      attach_point_(scratch.path("attach")) {
  fds.emplace_back(::open_tree(AT_FDCWD, scratch.path("root").c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  REQUIRE(fds.back().get() >= 0);
}

std::vector<int> ContainerPlan::raw_fds() const {
  return raw(fds);
}
std::vector<int> ExecPlan::raw_fds() const {
  return raw(fds);
}

void ContainerPlan::add_files() {
  writer.add(OpKind::kRootPropagation, Phase::kFiles).flags = MS_REC | MS_SLAVE;
  plan::Op& root = writer.add(OpKind::kAttachRoot, Phase::kFiles);
  root.fd = 0;
  root.target = writer.text(attach_point_);
  mount_new(writer, "proc", "/proc", {});
  mount_new(writer, "tmpfs", "/dev", {"mode=755", "size=65536k"});
  mount_new(writer, "devpts", "/dev/pts", {"newinstance", "ptmxmode=0666", "mode=0620", "gid=5"});
  for (const auto& [name, minor_number] : {std::pair("/dev/null", 3u), std::pair("/dev/zero", 5u)}) {
    plan::Op& node = writer.add(OpKind::kMakeNode, Phase::kFiles);
    node.target = writer.text(name);
    node.mode = S_IFCHR | 0666;
    node.flags = makedev(1, minor_number);
  }
  plan::Op& link = writer.add(OpKind::kSymlink, Phase::kFiles);
  link.text = writer.text("pts/ptmx");
  link.target = writer.text("/dev/ptmx");
}

std::vector<unsigned char> ContainerPlan::finish() {
  const auto append = [this](const std::vector<plan::Op>& more) {
    writer.ops.insert(writer.ops.end(), more.begin(), more.end());
  };
  add_files();
  writer.add(OpKind::kPivot, Phase::kPivot);
  append(mask);
  if ((clone_flags & CLONE_NEWUTS) != 0) {
    plan::Op& name = writer.add(OpKind::kHostname, Phase::kSetup);
    name.text = writer.text("test-pod");
  }
  plan::Op& streams = writer.add(terminal ? OpKind::kTerminal : OpKind::kStdio, Phase::kSetup);
  streams.value = uid;
  if (terminal) streams.flags = 24u << 16 | 80u;
  append(setup);
  add_identity(writer, uid);
  append(privileges);
  if (gate) writer.add(OpKind::kGate, Phase::kGate);
  append(seccomp);
  writer.add(OpKind::kExec, Phase::kExec);
  writer.header.clone_flags = clone_flags;
  writer.header.fd_count = static_cast<uint32_t>(fds.size());
  writer.program(argv_, {"PATH=/bin", "HOME=/"}, {argv_[0]});
  return writer.finish();
}

ExecPlan exec_plan(int pid, const std::vector<std::string>& argv, bool terminal) {
  ExecPlan result;
  PlanWriter writer;
  const std::string base = "/proc/" + std::to_string(pid) + "/ns/";
  result.fds.emplace_back(::open((base + "pid").c_str(), O_RDONLY | O_CLOEXEC));
  writer.header.join_pid_fd = 0;
  uint32_t index = 1;
  for (const auto& [name, flag] :
       {std::pair("uts", CLONE_NEWUTS), std::pair("ipc", CLONE_NEWIPC), std::pair("mnt", CLONE_NEWNS)}) {
    result.fds.emplace_back(::open((base + name).c_str(), O_RDONLY | O_CLOEXEC));
    plan::Op& op = writer.add(OpKind::kSetns, Phase::kJoin);
    op.fd = index++;
    op.flags = static_cast<uint64_t>(flag);
  }
  writer.add(terminal ? OpKind::kTerminal : OpKind::kStdio, Phase::kSetup);
  plan::Op& directory = writer.add(OpKind::kWorkingDir, Phase::kSetup);
  directory.text = writer.text("/etc");
  add_identity(writer, 0);
  writer.add(OpKind::kExec, Phase::kExec);
  writer.header.fd_count = static_cast<uint32_t>(result.fds.size());
  writer.program(argv, {"PATH=/bin"}, {"/nowhere/" + argv[0], argv[0]});
  result.bytes = writer.finish();
  return result;
}

}  // namespace berth::pid1::test
