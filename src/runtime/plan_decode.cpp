// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "base/cat.hpp"
#include "runtime/plan_layout.hpp"

namespace berth::runtime {
namespace {

using plan::OpKind;

Error malformed(std::string_view what) {
  return Error(Code::kInvalidArgument, cat("decode launch plan: ", what));
}

/// 64-bit words of `extra`, for the kinds whose `value` counts them.
std::uint64_t word_count(const plan::Op& op) {
  constexpr std::uint64_t kMost = 1U << 16;
  switch (op.kind) {
    case OpKind::kScheduler:
      return 7;
    case OpKind::kMemoryPolicy:
    case OpKind::kAffinity:
      return std::min(op.value, kMost);
    case OpKind::kLinkUp:
      return std::min(op.value, kMost) * 4;
    default:
      return 0;
  }
}

class Decoder {
 public:
  explicit Decoder(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<Plan> decode();

 private:
  template <class Value>
  Result<Value> read(std::uint64_t offset) const {
    Value value{};
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof value)
      return malformed("an offset is outside of the plan");
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  Result<std::string> text(std::uint64_t offset) const {
    if (offset < first_data_ || offset >= bytes_.size()) return malformed("a string is outside of the plan");
    const auto rest = bytes_.subspan(offset);
    const auto end = std::find(rest.begin(), rest.end(), std::byte{0});
    if (end == rest.end()) return malformed("a string has no end");
    return std::string(reinterpret_cast<const char*>(rest.data()),
                       static_cast<std::size_t>(end - rest.begin()));
  }

  template <class Element>
  Result<std::vector<Element>> array(std::uint64_t offset, std::uint64_t count) const {
    if (offset % 8 != 0) return malformed("an array is not aligned");
    if (offset < first_data_ || offset > bytes_.size() ||
        count > (bytes_.size() - offset) / sizeof(Element)) {
      return malformed("an array is outside of the plan");
    }
    std::vector<Element> values(count);
    if (count != 0) std::memcpy(values.data(), bytes_.data() + offset, count * sizeof(Element));
    return values;
  }

  Result<std::vector<std::string>> list(std::uint64_t offset) const;
  Result<std::vector<std::string>> table(std::uint64_t offset, std::uint64_t count) const;
  Result<OpExtra> extra(const plan::Op& op) const;
  Result<PlannedOp> op(std::uint32_t index) const;
  FdRequest fd(std::uint32_t number) const;

  std::span<const std::byte> bytes_;
  std::uint64_t first_data_ = 0;
};

Result<std::vector<std::string>> Decoder::list(std::uint64_t offset) const {
  std::vector<std::string> values;
  while (true) {
    ASSIGN_OR_RETURN(std::string value, text(offset));
    if (value.empty()) return values;
    offset += value.size() + 1;
    values.push_back(std::move(value));
  }
}

Result<std::vector<std::string>> Decoder::table(std::uint64_t offset, std::uint64_t count) const {
  ASSIGN_OR_RETURN(const auto offsets, array<std::uint64_t>(offset, count + 1));
  if (offsets.back() != 0) return malformed("a table has no end");
  std::vector<std::string> values;
  for (std::uint64_t i = 0; i < count; ++i) {
    ASSIGN_OR_RETURN(std::string value, text(offsets[i]));
    values.push_back(std::move(value));
  }
  return values;
}

Result<OpExtra> Decoder::extra(const plan::Op& op) const {
  if (op.kind == OpKind::kMountNew && op.extra != 0) {
    ASSIGN_OR_RETURN(auto values, list(op.extra));
    return OpExtra(std::move(values));
  }
  if (op.kind == OpKind::kGroups) {
    if (op.value == 0) return OpExtra(std::vector<std::uint32_t>());
    ASSIGN_OR_RETURN(auto groups, array<std::uint32_t>(op.extra, op.value));
    return OpExtra(std::move(groups));
  }
  if (const std::uint64_t count = word_count(op); count != 0) {
    ASSIGN_OR_RETURN(auto words, array<std::uint64_t>(op.extra, count));
    return OpExtra(std::move(words));
  }
  if (op.kind == OpKind::kCapabilities) {
    ASSIGN_OR_RETURN(auto sets, array<std::uint64_t>(op.extra, 4));
    return OpExtra(std::move(sets));
  }
  if (op.kind == OpKind::kSeccomp) {
    auto program = std::make_shared<SeccompProgram>();
    ASSIGN_OR_RETURN(program->instructions, array<sock_filter>(op.extra, op.value));
    program->flags = op.flags;
    return OpExtra(std::shared_ptr<const SeccompProgram>(std::move(program)));
  }
  return OpExtra();
}

FdRequest Decoder::fd(std::uint32_t number) const {
  if (number == plan::kNoFd) return NoFd{};
  if (number >= plan::kPodNet && number <= plan::kPodUser) return PodFd{number};
  return NumberedFd{number};
}

Result<PlannedOp> Decoder::op(std::uint32_t index) const {
  ASSIGN_OR_RETURN(const auto raw, read<plan::Op>(sizeof(plan::Header) + index * sizeof(plan::Op)));
  PlannedOp op{.kind = raw.kind,
               .phase = raw.phase,
               .mode = raw.mode,
               .fd = fd(raw.fd),
               .flags = raw.flags,
               .value = raw.value,
               .by = raw.by};
  if (raw.text != 0) {
    ASSIGN_OR_RETURN(op.text, text(raw.text));
  }
  if (raw.target != 0) {
    ASSIGN_OR_RETURN(op.target, text(raw.target));
  }
  ASSIGN_OR_RETURN(op.extra, extra(raw));
  return op;
}

Result<Plan> Decoder::decode() {
  ASSIGN_OR_RETURN(const auto header, read<plan::Header>(0));
  if (header.magic != plan::kMagic || header.version != plan::kVersion)
    return malformed("not a plan of this version");
  if (header.total_size != bytes_.size() || header.op_count > plan::kMaxOps)
    return malformed("its size does not match");
  if (bytes_.size() > plan::kMaxSize) return malformed("it is too large");
  first_data_ = sizeof header + header.op_count * sizeof(plan::Op);
  Plan plan;
  plan.title = "decoded";
  for (std::uint32_t i = 0; i < header.op_count; ++i) {
    ASSIGN_OR_RETURN(PlannedOp next, op(i));
    plan.add(std::move(next));
  }
  plan.clone_flags = header.clone_flags;
  plan.join_pid = fd(header.join_pid_fd);
  ASSIGN_OR_RETURN(plan.argv, table(header.argv, header.argc));
  ASSIGN_OR_RETURN(plan.envp, table(header.envp, header.envc));
  ASSIGN_OR_RETURN(plan.candidates, table(header.candidates, header.candidate_count));
  return plan;
}

}  // namespace

Result<Plan> decode_plan(std::span<const std::byte> bytes) {
  return Decoder(bytes).decode();
}

}  // namespace berth::runtime
