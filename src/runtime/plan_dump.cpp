// SPDX-License-Identifier: Apache-2.0
#include <linux/mount.h>
#include <linux/sched.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstdio>

#include "base/cat.hpp"
#include "runtime/capabilities.hpp"
#include "runtime/mount_options.hpp"
#include "runtime/oci/id_mappings.hpp"
#include "runtime/oci/rlimits.hpp"
#include "runtime/plan.hpp"
#include "runtime/plan_dump.hpp"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

namespace berth::runtime {
namespace {

using namespace dump_parts;
using plan::OpKind;
using plan::Phase;

std::string octal(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "%04llo", static_cast<unsigned long long>(value));
  return text;
}

std::string namespaces(std::uint64_t flags) {
  struct Name {
    std::uint64_t flag;
    std::string_view name;
  };
  constexpr Name kNames[] = {{CLONE_NEWPID, "pid"},   {CLONE_NEWNS, "mount"}, {CLONE_NEWNET, "network"},
                             {CLONE_NEWIPC, "ipc"},   {CLONE_NEWUTS, "uts"},  {CLONE_NEWCGROUP, "cgroup"},
                             {CLONE_NEWTIME, "time"}, {CLONE_NEWUSER, "user"}};
  std::vector<std::string_view> found;
  for (const Name& entry : kNames) {
    if (flags & entry.flag) found.push_back(entry.name);
  }
  return join(found, ",");
}

std::string changes(std::uint64_t set, std::uint64_t clear) {
  std::string text = set == 0 ? "" : format_mount_attributes(set);
  // What is set again is not worth a word: atime modes clear their whole field first.
  const std::uint64_t gone = clear & ~std::uint64_t{MOUNT_ATTR__ATIME};
  if (gone != 0) text.append(cat(text.empty() ? "" : " ", "without ", format_mount_attributes(gone)));
  if (text.empty() && (clear & MOUNT_ATTR__ATIME)) text = "relatime";
  return text;
}

std::string maps(const TreeFd::IdMap& map) {
  if (!map.user_namespace.empty()) return printable(map.user_namespace);
  return cat("uids ", map_words(oci::id_map_text(map.uids)), " gids ", map_words(oci::id_map_text(map.gids)));
}

std::string tree_detail(const FdRequest& fd) {
  const auto* tree = std::get_if<TreeFd>(&fd);
  if (tree == nullptr) return "";
  std::string text = tree->recursive ? "rbind" : "bind";
  const auto add = [&](std::string_view prefix, const std::string& words) {
    if (!words.empty()) text.append(cat(" ", prefix, words));
  };
  add("", changes(tree->set, tree->clear));
  add("recursively ", changes(tree->recursive_set, tree->recursive_clear));
  add(tree->propagation_recursive ? "r" : "", std::string(format_propagation(tree->propagation)));
  if (tree->id_map) text.append(tree->id_map->recursive ? " ridmap=" : " idmap=").append(maps(*tree->id_map));
  if (tree->must_be_device) {
    text.append(
        cat(" device ", major(tree->must_be_device->number), ":", minor(tree->must_be_device->number)));
  }
  if (!tree->follow) text.append(" src-nofollow");
  return text;
}

std::string limit(std::uint64_t value) {
  return value == UINT64_MAX ? "unlimited" : std::to_string(value);
}

Line node_line(const PlannedOp& op) {
  const char type = S_ISBLK(op.mode) ? 'b' : S_ISFIFO(op.mode) ? 'p' : 'c';
  return {"node", target_of(op),
          cat(type, " ", major(op.flags), ":", minor(op.flags), " mode=", octal(op.mode & 07777U),
              " owner=", op.value >> 32, ":", op.value & 0xffffffffU)};
}

Line attributes_line(const PlannedOp& op) {
  std::string detail = changes(op.flags, op.value);
  if (op.text) {
    std::uint64_t propagation = std::strtoull(op.text->c_str(), nullptr, 10);
    detail.append(cat(detail.empty() ? "" : " ", format_propagation(propagation)));
  }
  if (op.mode == 1) detail.append(" recursively");
  return {"attributes", target_of(op), detail};
}

Line capabilities_line(const PlannedOp& op) {
  const auto* sets = std::get_if<std::vector<std::uint64_t>>(&op.extra);
  if (sets == nullptr || sets->size() != 4) return {"caps", "-"};
  const auto names = [&](std::size_t index) { return join(capability_names((*sets)[index]), ","); };
  std::string subject = (*sets)[0] == (*sets)[1] ? cat("permitted,effective=", names(1))
                                                 : cat("permitted=", names(1), " effective=", names(0));
  return {"caps", cat(subject, " inheritable=", names(2), " ambient=", names(3))};
}

Line seccomp_line(const PlannedOp& op) {
  const auto* program = std::get_if<std::shared_ptr<const SeccompProgram>>(&op.extra);
  std::string digest =
      program != nullptr && *program && !(*program)->digest.empty() ? " " + (*program)->digest : "";
  std::string detail = op.flags == 0 ? "" : cat("flags=", op.flags);
  if (!std::holds_alternative<NoFd>(op.fd)) detail.append(cat(" agent=", describe(op.fd)));
  return {"seccomp", cat(op.value, " instructions", digest), std::move(detail)};
}

Line groups_line(const PlannedOp& op) {
  const auto* groups = std::get_if<std::vector<std::uint32_t>>(&op.extra);
  return {"groups", groups == nullptr ? "-" : join(*groups, ",")};
}

Line terminal_line(const PlannedOp& op) {
  return {"terminal", cat("owner=", op.value),
          op.flags == 0 ? "" : cat(op.flags >> 16, "x", op.flags & 0xffffU)};
}

Line mount_line(const PlannedOp& op) {
  std::string detail = format_mount_attributes(op.flags);
  if (const auto* options = std::get_if<std::vector<std::string>>(&op.extra); options && !options->empty()) {
    detail.append(" ").append(printable(join(*options, ",")));
  }
  if ((op.value & plan::kCopyUp) != 0) detail.append(" copy-up");
  return {"mount", cat(text_of(op), " -> ", target_of(op)), detail};
}

Line file_line(const PlannedOp& op) {
  switch (op.kind) {
    case OpKind::kRootPropagation:
      return {"host", std::string(format_propagation(op.flags)), "recursively"};
    case OpKind::kAttachRoot:
      return {"root", cat(describe(op.fd), " -> ", target_of(op))};
    case OpKind::kMakeDir:
      return {"dir", target_of(op), cat("mode=", octal(op.mode))};
    case OpKind::kMountNew:
      return mount_line(op);
    case OpKind::kAttachTree:
      return {"bind", cat(describe(op.fd), " -> ", target_of(op)), tree_detail(op.fd)};
    case OpKind::kMountAttr:
      return attributes_line(op);
    case OpKind::kMakeNode:
      return node_line(op);
    case OpKind::kSymlink:
      return {"link", cat(target_of(op), " -> ", text_of(op))};
    case OpKind::kMaskPath:
      return {"mask", target_of(op)};
    case OpKind::kReadonlyPath:
      return {"readonly", target_of(op)};
    case OpKind::kPivot:
      return {"pivot", ""};
    default:
      return {cat("op", static_cast<unsigned>(op.kind)), ""};
  }
}

Line process_line(const PlannedOp& op) {
  switch (op.kind) {
    case OpKind::kJoinCgroup:
      return {"join", describe(op.fd)};
    case OpKind::kSetns:
      return {"setns", describe(op.fd), namespaces(op.flags)};
    case OpKind::kOomScoreAdj:
      return {"oom_score", text_of(op)};
    case OpKind::kRlimit:
      return {"rlimit", std::string(oci::rlimit_name(static_cast<int>(op.mode))),
              cat(limit(op.flags), ":", limit(op.value))};
    case OpKind::kUnshare:
      return {"unshare", namespaces(op.flags)};
    case OpKind::kHostname:
      return {"hostname", text_of(op)};
    case OpKind::kDomainname:
      return {"domainname", text_of(op)};
    case OpKind::kUmask:
      return {"umask", octal(op.mode)};
    case OpKind::kStdio:
      return {"stdio", cat("owner=", op.value), op.mode == 1 ? cat("on the host ", op.flags) : ""};
    case OpKind::kTerminal:
      return terminal_line(op);
    case OpKind::kWorkingDir:
      return {"cwd", text_of(op), op.mode == 1 ? "create" : ""};
    case OpKind::kKeyring:
      return {"keyring", "new"};
    case OpKind::kLabel:
      return {op.mode == plan::kApparmorLabel ? "apparmor" : "selinux", text_of(op), "at exec"};
    case OpKind::kGroups:
      return groups_line(op);
    case OpKind::kBoundingSet:
      return {"bounding", join(capability_names(op.value), ",")};
    case OpKind::kIds:
      return {"ids", cat("uid=", op.flags, " gid=", op.value, op.mode == 1 ? " keepcaps" : "")};
    case OpKind::kCapabilities:
      return capabilities_line(op);
    case OpKind::kNoNewPrivs:
      return {"no_new_privs", ""};
    case OpKind::kFindProgram:
      return {"find", ""};
    case OpKind::kGate:
      return {"gate", ""};
    case OpKind::kSeccomp:
      return seccomp_line(op);
    case OpKind::kExec:
      return {"exec", ""};
    default:
      return file_line(op);
  }
}

std::string_view phase_name(Phase phase) {
  switch (phase) {
    case Phase::kJoin:
      return "join";
    case Phase::kUnshare:
      return "unshare";
    case Phase::kFiles:
      return "files";
    case Phase::kPivot:
      return "pivot";
    case Phase::kMask:
      return "mask";
    case Phase::kSetup:
      return "setup";
    case Phase::kPrivileges:
      return "privileges";
    case Phase::kGate:
      return "gate";
    case Phase::kSeccomp:
      return "seccomp";
    case Phase::kExec:
      return "exec";
  }
  return "unknown";
}

std::string pad(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}

/// Without numbers, so that one op more is one line more in a diff.
std::string render(const Line& line) {
  std::string text =
      cat("  ", pad(line.verb, 12), " ", line.detail.empty() ? line.subject : pad(line.subject, 40));
  if (!line.detail.empty()) text.append("  ").append(line.detail);
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

void render_strings(std::string_view title, const std::vector<std::string>& values, std::string& out) {
  out.append(cat(title, "\n"));
  for (const std::string& value : values) out.append(cat("  ", printable(value), "\n"));
}

}  // namespace

std::string dump(const Plan& plan) {
  std::string out = cat("# plan: ", plan.title, "\n");
  out.append(cat("new namespaces: ", namespaces(plan.clone_flags), "\n"));
  if (!std::holds_alternative<NoFd>(plan.join_pid))
    out.append(cat("pid namespace: ", describe(plan.join_pid), "\n"));
  std::optional<Phase> phase;
  for (const PlannedOp& op : plan.ops) {
    if (op.phase != phase) out.append(cat("phase ", phase_name(op.phase), "\n"));
    phase = op.phase;
    Line line = op.kind >= OpKind::kIdMaps ? added_line(op) : process_line(op);
    if (op.by == plan::By::kMidwifeBefore)
      line.detail.append(line.detail.empty() ? "" : " ").append("before birth");
    out.append(render(line));
  }
  render_strings("program", plan.candidates, out);
  render_strings("arguments", plan.argv, out);
  render_strings("environment", plan.envp, out);
  return out;
}

}  // namespace berth::runtime
