// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "runtime/plan_dump.hpp"

namespace berth::runtime::dump_parts {
namespace {

using plan::OpKind;

std::string pod_name(std::uint32_t name) {
  switch (name) {
    case plan::kPodNet:
      return "of the pod, network";
    case plan::kPodIpc:
      return "of the pod, ipc";
    case plan::kPodUts:
      return "of the pod, uts";
    case plan::kPodPid:
      return "of the pod, pid";
    case plan::kPodUser:
      return "of the pod, user";
    default:
      return "of the pod";
  }
}

std::string words_of(const PlannedOp& op) {
  const auto* words = std::get_if<std::vector<std::uint64_t>>(&op.extra);
  return words == nullptr || words->empty() ? "all" : join(*words, ",");
}

Line link_line(const PlannedOp& op) {
  std::string detail = op.value != 0 ? cat(op.value, " addresses") : "";
  if (op.target) detail = cat("addresses of ", target_of(op));
  return {"link-up", text_of(op), std::move(detail)};
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    const auto byte = static_cast<unsigned char>(letter);
    if (byte >= 0x20 && byte != 0x7f && byte != '\\') {
      out.push_back(letter);
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", unsigned{byte});
    out.append(escaped);
  }
  return out;
}

std::string describe(const FdRequest& fd) {
  struct Words {
    std::string operator()(NoFd) const { return "-"; }
    std::string operator()(const RootfsFd&) const { return "the root file system"; }
    std::string operator()(EveryCgroup) const { return "every cgroup of the container"; }
    std::string operator()(TargetFd) const { return "of the container"; }
    std::string operator()(HostNullFd) const { return "the host's /dev/null"; }
    std::string operator()(HostProcFd) const { return "the host's /proc"; }
    std::string operator()(const PodFd& pod) const { return pod_name(pod.name); }
    std::string operator()(const NamespaceFd& ns) const { return printable(ns.path); }
    std::string operator()(const NumberedFd& number) const { return cat("descriptor ", number.index); }
    std::string operator()(const TreeFd& tree) const { return printable(tree.source); }
    std::string operator()(const AgentFd& agent) const { return printable(agent.path); }
    std::string operator()(const ResctrlFd& group) const {
      return cat("resctrl group ",
                 printable(group.wanted.clos_id.empty() ? group.container : group.wanted.clos_id));
    }
  };
  return std::visit(Words{}, fd);
}

std::string text_of(const PlannedOp& op) {
  return op.text ? printable(*op.text) : "-";
}
std::string target_of(const PlannedOp& op) {
  return op.target ? printable(*op.target) : "-";
}

std::string map_words(std::string text) {
  if (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) c = c == ' ' ? ':' : c == '\n' ? ',' : c;
  return text;
}

Line added_line(const PlannedOp& op) {
  switch (op.kind) {
    case OpKind::kIdMaps:
      return {"id_maps",
              cat("uids ", map_words(op.text.value_or("")), " gids ", map_words(op.target.value_or(""))),
              op.mode == 1 ? "no setgroups" : ""};
    case OpKind::kScheduler:
      return {"scheduler", words_of(op)};
    case OpKind::kIoPriority:
      return {"io_priority", cat("class=", op.flags >> 13, " level=", op.flags & 0x1fffU)};
    case OpKind::kMemoryPolicy:
      return {"mempolicy", cat("mode=", op.mode), cat("nodes=", words_of(op))};
    case OpKind::kAffinity:
      return {"cpus", words_of(op)};
    case OpKind::kMoveLink:
      return {"link", cat(text_of(op), " -> ", target_of(op)), describe(op.fd)};
    case OpKind::kTimeOffsets:
      return {"time", map_words(op.text.value_or(""))};
    case OpKind::kLinkUp:
      return link_line(op);
    case OpKind::kBecomeRoot:
      return {"become", cat("uid=", op.flags, " gid=", op.value)};
    case OpKind::kSysctl:
      return {"sysctl", target_of(op), text_of(op)};
    case OpKind::kSync:
      return {"hooks", ""};
    case OpKind::kPersonality:
      return {"personality", cat(op.flags)};
    default:
      return {cat("op", static_cast<unsigned>(op.kind)), ""};
  }
}

}  // namespace berth::runtime::dump_parts
