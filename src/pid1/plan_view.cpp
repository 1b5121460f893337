// SPDX-License-Identifier: Apache-2.0
#include "pid1/plan_view.h"

#include <errno.h>
#include <string.h>

#include "pid1/text.h"

namespace berth::pid1 {
namespace {

using plan::OpKind;
using plan::Phase;

constexpr uint32_t kMaxCandidates = 256;
constexpr uint32_t kMaxGroups = 65536;  // NGROUPS_MAX
constexpr uint32_t kMaxFilter = 4096;   // BPF_MAXINSNS
constexpr uint32_t kMaxWords = 64;      // bits of 4096 CPUs or memory nodes
constexpr uint32_t kMaxAddresses = 256;
constexpr uint32_t kAddressWords = 4;
constexpr uint32_t kSchedulerWords = 7;
constexpr uint32_t kMaxListBytes = 64u << 10;

constexpr unsigned in(Phase phase) {
  return 1u << static_cast<unsigned>(phase);
}

enum Need : unsigned {
  kText = 1u << 0,
  kTarget = 1u << 1,
  kFd = 1u << 2,
  kFdMayBeAbsent = 1u << 3,
  kFdMayBePods = 1u << 4,
  kList = 1u << 5,           // extra: string list, may be absent
  kGroupArray = 1u << 6,     // extra: uint32[value]
  kSetArray = 1u << 7,       // extra: uint64[4]
  kFilterArray = 1u << 8,    // extra: 8 bytes each, value of them
  kNumberText = 1u << 9,     // text, if there, is a decimal number
  kRoot = 1u << 10,          // means nothing, or the host's files, before kAttachRoot
  kWordArray = 1u << 11,     // extra: uint64[value], may be none
  kSchedArray = 1u << 12,    // extra: uint64[7]
  kAddressArray = 1u << 13,  // extra: uint64[4] each, value of them
  kBefore = 1u << 14,        // a midwife may do it to itself, the child inherits it
  kAfter = 1u << 15,         // a midwife may do it to the child
  kNotChild = 1u << 16,      // and the child may not
};

struct Rule {
  OpKind kind;
  unsigned phases;
  unsigned needs;
};

constexpr Rule kRules[] = {
    {OpKind::kJoinCgroup, in(Phase::kJoin), kFd},
    {OpKind::kSetns, in(Phase::kJoin), kFd | kFdMayBePods | kBefore},
    {OpKind::kOomScoreAdj, in(Phase::kJoin), kText | kBefore},
    {OpKind::kRlimit, in(Phase::kJoin) | in(Phase::kSetup), kBefore},
    {OpKind::kUnshare, in(Phase::kUnshare), 0},
    {OpKind::kRootPropagation, in(Phase::kFiles), 0},
    {OpKind::kAttachRoot, in(Phase::kFiles), kFd | kTarget},
    {OpKind::kMakeDir, in(Phase::kFiles), kTarget | kRoot},
    {OpKind::kMountNew, in(Phase::kFiles), kText | kTarget | kList | kRoot},
    {OpKind::kAttachTree, in(Phase::kFiles), kFd | kTarget | kRoot},
    {OpKind::kMountAttr, in(Phase::kFiles) | in(Phase::kMask), kTarget | kNumberText | kRoot},
    {OpKind::kMakeNode, in(Phase::kFiles), kTarget | kRoot},
    {OpKind::kSymlink, in(Phase::kFiles), kText | kTarget | kRoot},
    {OpKind::kSync, in(Phase::kFiles), 0},
    {OpKind::kPivot, in(Phase::kPivot), kList | kRoot},
    {OpKind::kMaskPath, in(Phase::kMask), kTarget | kFd | kFdMayBeAbsent | kRoot},
    {OpKind::kReadonlyPath, in(Phase::kMask), kTarget | kRoot},
    {OpKind::kHostname, in(Phase::kSetup), kText},
    {OpKind::kDomainname, in(Phase::kSetup), kText},
    {OpKind::kUmask, in(Phase::kSetup), 0},
    {OpKind::kStdio, in(Phase::kSetup), 0},
    {OpKind::kTerminal, in(Phase::kSetup), 0},
    {OpKind::kWorkingDir, in(Phase::kSetup) | in(Phase::kPrivileges), kText},
    {OpKind::kKeyring, in(Phase::kSetup), kText},
    {OpKind::kGroups, in(Phase::kPrivileges), kGroupArray},
    {OpKind::kBoundingSet, in(Phase::kPrivileges), 0},
    {OpKind::kIds, in(Phase::kPrivileges), 0},
    {OpKind::kCapabilities, in(Phase::kPrivileges), kSetArray},
    {OpKind::kNoNewPrivs, in(Phase::kPrivileges), 0},
    {OpKind::kFindProgram, in(Phase::kPrivileges), 0},
    {OpKind::kGate, in(Phase::kGate), 0},
    {OpKind::kSeccomp, in(Phase::kPrivileges) | in(Phase::kSeccomp), kFilterArray | kFd | kFdMayBeAbsent},
    {OpKind::kExec, in(Phase::kExec), 0},
    {OpKind::kLabel, in(Phase::kPrivileges), kText | kFd},
    {OpKind::kIdMaps, in(Phase::kJoin), kText | kTarget | kAfter | kNotChild},
    {OpKind::kScheduler, in(Phase::kJoin), kSchedArray | kBefore},
    {OpKind::kIoPriority, in(Phase::kJoin), kBefore},
    {OpKind::kMemoryPolicy, in(Phase::kJoin), kWordArray | kBefore},
    {OpKind::kAffinity, in(Phase::kJoin), kWordArray | kBefore},
    {OpKind::kMoveLink, in(Phase::kJoin),
     kText | kTarget | kFd | kFdMayBeAbsent | kFdMayBePods | kBefore | kAfter | kNotChild},
    {OpKind::kTimeOffsets, in(Phase::kUnshare), kText},
    {OpKind::kLinkUp, in(Phase::kUnshare), kText | kAddressArray},
    {OpKind::kBecomeRoot, in(Phase::kFiles), 0},
    {OpKind::kSysctl, in(Phase::kFiles), kText | kTarget | kRoot},
    {OpKind::kPersonality, in(Phase::kSetup), 0},
};

class Checker {
 public:
  Checker(const unsigned char* bytes, size_t size) : bytes_(bytes), size_(size) {}

  int check_header(uint32_t fd_count);
  int check_op(uint32_t index);
  /// By its rule, whatever came before it.
  bool is_well_formed(const plan::Op& op, const Rule& rule) const;
  /// What only the whole list of ops can tell.
  int check_shape() const;
  uint32_t op_count() const { return header_.op_count; }

 private:
  bool is_data(uint64_t offset, uint64_t length) const {
    return offset >= first_data_ && offset <= size_ && length <= size_ - offset;
  }
  // A string that starts at or before the blob's last NUL ends inside the blob: one search for
  // all strings, so a plan cannot make this quadratic.
  bool is_string(uint64_t offset) const { return is_data(offset, 1) && offset <= last_nul_; }
  bool is_array(uint32_t offset, uint64_t count, uint64_t each) const {
    return offset % 8 == 0 && is_data(offset, count * each);
  }
  bool is_table(uint32_t offset, uint32_t count) const;
  bool tables_overlap() const;
  bool is_list(uint32_t offset) const;
  bool is_fd(uint32_t fd, unsigned needs) const;
  bool is_number(uint32_t offset) const;
  bool check_extra(const plan::Op& op, unsigned needs) const;

  const unsigned char* bytes_;
  size_t size_;
  plan::Header header_ = {};
  uint64_t first_data_ = 0;
  uint64_t last_nul_ = 0;
  Phase phase_ = Phase::kJoin;
  uint32_t gates_ = 0;
  uint32_t stdios_ = 0;
  uint32_t roots_ = 0;
  uint32_t pivots_ = 0;
};

bool Checker::is_table(uint32_t offset, uint32_t count) const {
  if (!is_array(offset, uint64_t{count} + 1, sizeof(uint64_t))) return false;
  for (uint64_t i = 0; i <= count; ++i) {
    uint64_t entry = 0;
    memcpy(&entry, bytes_ + offset + i * sizeof entry, sizeof entry);
    if (i == count ? entry != 0 : !is_string(entry)) return false;
  }
  return true;
}

/// argv and envp are rewritten in place before the candidates are read.
bool Checker::tables_overlap() const {
  struct Range {
    uint64_t begin, end;
  };
  const auto range = [](uint32_t offset, uint32_t count) {
    return Range{offset, offset + (uint64_t{count} + 1) * sizeof(uint64_t)};
  };
  const auto meet = [](const Range& a, const Range& b) { return a.begin < b.end && b.begin < a.end; };
  const Range argv = range(header_.argv, header_.argc);
  const Range envp = range(header_.envp, header_.envc);
  const Range candidates = range(header_.candidates, header_.candidate_count);
  return meet(argv, envp) || meet(argv, candidates) || meet(envp, candidates);
}

bool Checker::is_list(uint32_t offset) const {
  uint64_t at = offset;
  while (at - offset < kMaxListBytes) {
    if (!is_string(at)) return false;
    if (bytes_[at] == 0) return true;
    while (bytes_[at] != 0) ++at;
    ++at;
  }
  return false;
}

bool Checker::is_fd(uint32_t fd, unsigned needs) const {
  if (fd == plan::kNoFd) return (needs & kFdMayBeAbsent) != 0;
  if ((fd >= plan::kPodNet && fd <= plan::kPodUts) || fd == plan::kPodUser)
    return (needs & kFdMayBePods) != 0;
  return fd < header_.fd_count;
}

bool Checker::is_number(uint32_t offset) const {
  const char* text = static_cast<const char*>(static_cast<const void*>(bytes_ + offset));
  const char* end = text + strlen(text);
  uint64_t value = 0;
  if (!parse_number(text, end, value)) return false;
  for (const char* at = text; at != end; ++at) {
    if (*at < '0' || *at > '9') return false;
  }
  return true;
}

int Checker::check_header(uint32_t fd_count) {
  if (size_ < sizeof header_) return EBADMSG;
  if (size_ > plan::kMaxSize) return E2BIG;
  memcpy(&header_, bytes_, sizeof header_);
  if (header_.magic != plan::kMagic) return EBADMSG;
  if (header_.version != plan::kVersion) return EPROTONOSUPPORT;
  if (header_.total_size != size_) return EBADMSG;
  if (header_.op_count == 0 || header_.op_count > plan::kMaxOps) return EBADMSG;
  if (header_.fd_count != fd_count || fd_count > plan::kMaxFds) return EBADMSG;
  first_data_ = sizeof(plan::Header) + uint64_t{header_.op_count} * sizeof(plan::Op);
  if (first_data_ >= size_) return EBADMSG;
  const void* nul = memrchr(bytes_ + first_data_, 0, size_ - first_data_);
  if (nul == nullptr) return EBADMSG;
  last_nul_ = static_cast<uint64_t>(static_cast<const unsigned char*>(nul) - bytes_);
  if (header_.join_pid_fd != plan::kPodPid && !is_fd(header_.join_pid_fd, kFdMayBeAbsent)) return EBADMSG;
  if (!is_fd(header_.into_cgroup_fd, kFdMayBeAbsent)) return EBADMSG;
  if (header_.argc == 0 || !is_table(header_.argv, header_.argc)) return EBADMSG;
  if (!is_table(header_.envp, header_.envc)) return EBADMSG;
  if (header_.candidate_count == 0 || header_.candidate_count > kMaxCandidates) return EBADMSG;
  if (!is_table(header_.candidates, header_.candidate_count)) return EBADMSG;
  return tables_overlap() ? EBADMSG : 0;
}

bool Checker::check_extra(const plan::Op& op, unsigned needs) const {
  if ((needs & kList) != 0) return op.extra == 0 || is_list(op.extra);
  if ((needs & kGroupArray) != 0) {
    return op.value == 0 || (op.value <= kMaxGroups && is_array(op.extra, op.value, sizeof(uint32_t)));
  }
  if ((needs & kSetArray) != 0) return is_array(op.extra, 4, sizeof(uint64_t));
  if ((needs & kWordArray) != 0)
    return op.value == 0 || (op.value <= kMaxWords && is_array(op.extra, op.value, sizeof(uint64_t)));
  if ((needs & kSchedArray) != 0) return is_array(op.extra, kSchedulerWords, sizeof(uint64_t));
  if ((needs & kAddressArray) != 0) {
    return op.value == 0 ||
           (op.value <= kMaxAddresses && is_array(op.extra, op.value * kAddressWords, sizeof(uint64_t)));
  }
  if ((needs & kFilterArray) != 0) {
    return op.value != 0 && op.value <= kMaxFilter && is_array(op.extra, op.value, 8);
  }
  return true;
}

bool may_do(plan::By by, unsigned needs) {
  switch (by) {
    case plan::By::kChild:
      return (needs & kNotChild) == 0;
    case plan::By::kMidwifeBefore:
      return (needs & kBefore) != 0;
    case plan::By::kMidwifeAfter:
      return (needs & kAfter) != 0;
  }
  return false;
}

bool Checker::is_well_formed(const plan::Op& op, const Rule& rule) const {
  if (op.text == 0 ? (rule.needs & kText) != 0 : !is_string(op.text)) return false;
  if (op.target == 0 ? (rule.needs & kTarget) != 0 : !is_string(op.target)) return false;
  if ((rule.needs & kFd) != 0 && !is_fd(op.fd, rule.needs)) return false;
  if ((rule.needs & kNumberText) != 0 && op.text != 0 && !is_number(op.text)) return false;
  return may_do(op.by, rule.needs) && check_extra(op, rule.needs);
}

int Checker::check_op(uint32_t index) {
  plan::Op op;
  memcpy(&op, bytes_ + sizeof(plan::Header) + index * sizeof op, sizeof op);
  const Rule* rule = nullptr;
  for (const Rule& candidate : kRules) {
    if (candidate.kind == op.kind) rule = &candidate;
  }
  if (rule == nullptr) return EBADMSG;
  if (op.phase < phase_ || op.phase > Phase::kExec || (rule->phases & in(op.phase)) == 0) return EBADMSG;
  phase_ = op.phase;
  if (!is_well_formed(op, *rule)) return EBADMSG;
  if (op.kind == OpKind::kGate && gates_++ > 0) return EBADMSG;
  if ((op.kind == OpKind::kStdio || op.kind == OpKind::kTerminal) && stdios_++ > 0) return EBADMSG;
  if (op.kind == OpKind::kAttachRoot && roots_++ > 0) return EBADMSG;
  if ((rule->needs & kRoot) != 0 && roots_ == 0) return EBADMSG;
  if (op.kind == OpKind::kPivot && pivots_++ > 0) return EBADMSG;
  return op.kind == OpKind::kExec && index + 1 != header_.op_count ? EBADMSG : 0;
}

int Checker::check_shape() const {
  // The last op's phase is kExec only if it is the kExec; and without one of kStdio and kTerminal
  // the program would run on the shim's own descriptors, without a pivot in the host's files.
  return phase_ == Phase::kExec && stdios_ == 1 && pivots_ == roots_ ? 0 : EBADMSG;
}

}  // namespace

uint32_t PlanView::find(OpKind kind, uint32_t from) const {
  const uint32_t count = header().op_count;
  while (from < count && op(from).kind != kind) ++from;
  return from;
}

PlanVerdict check_plan(const unsigned char* bytes, size_t size, uint32_t fd_count) {
  Checker checker(bytes, size);
  const int err = checker.check_header(fd_count);
  if (err != 0) return {err, plan::kFailedBeforeOps};
  for (uint32_t i = 0; i < checker.op_count(); ++i) {
    const int op_err = checker.check_op(i);
    if (op_err != 0) return {op_err, i};
  }
  return {checker.check_shape(), plan::kFailedBeforeOps};
}

}  // namespace berth::pid1
