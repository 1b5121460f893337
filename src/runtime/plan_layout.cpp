// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan_layout.hpp"

#include <cstring>
#include <type_traits>

#include "base/cat.hpp"

namespace berth::runtime {
namespace {

/// Appends data behind the op table and hands out its offsets.
class Blob {
 public:
  explicit Blob(std::size_t first_data) : bytes_(first_data, '\0') {}

  std::uint32_t text(const std::string& value) {
    const std::uint32_t offset = size();
    bytes_.append(value).push_back('\0');
    return offset;
  }

  std::uint32_t optional_text(const std::optional<std::string>& value) { return value ? text(*value) : 0; }

  /// Strings one after the other, closed by an empty one.
  std::uint32_t list(const std::vector<std::string>& values) {
    const std::uint32_t offset = size();
    for (const std::string& value : values) bytes_.append(value).push_back('\0');
    bytes_.push_back('\0');
    return offset;
  }

  template <class Element>
  std::uint32_t array(const std::vector<Element>& values) {
    static_assert(std::is_trivially_copyable_v<Element>);
    align();
    const std::uint32_t offset = size();
    for (const Element& value : values) append(value);
    return offset;
  }

  /// Strings, then the table of their offsets, closed by a zero.
  std::uint32_t table(const std::vector<std::string>& values) {
    std::vector<std::uint64_t> offsets;
    for (const std::string& value : values) offsets.push_back(text(value));
    offsets.push_back(0);
    return array(offsets);
  }

  template <class Value>
  void put(std::size_t offset, const Value& value) {
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }

  void align() { bytes_.resize((bytes_.size() + 7) / 8 * 8, '\0'); }
  std::size_t length() const { return bytes_.size(); }
  std::string take() { return std::move(bytes_); }

 private:
  // Larger plans are refused at the end; until then the value may wrap unused.
  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); }

  template <class Value>
  void append(const Value& value) {
    bytes_.resize(bytes_.size() + sizeof value);
    std::memcpy(bytes_.data() + bytes_.size() - sizeof value, &value, sizeof value);
  }

  std::string bytes_;
};

std::uint32_t place_extra(const OpExtra& extra, Blob& blob) {
  struct Placer {
    Blob& blob;
    std::uint32_t operator()(std::monostate) const { return 0; }
    std::uint32_t operator()(const std::vector<std::string>& list) const {
      return list.empty() ? 0 : blob.list(list);
    }
    std::uint32_t operator()(const std::vector<std::uint32_t>& words) const {
      return words.empty() ? 0 : blob.array(words);
    }
    std::uint32_t operator()(const std::vector<std::uint64_t>& words) const { return blob.array(words); }
    std::uint32_t operator()(const std::shared_ptr<const SeccompProgram>& program) const {
      static_assert(sizeof(sock_filter) == 8);
      return blob.array(program->instructions);
    }
  };
  return std::visit(Placer{blob}, extra);
}

plan::Op lay_out_op(const PlannedOp& planned, std::uint32_t fd, Blob& blob) {
  plan::Op op{};
  op.kind = planned.kind;
  op.phase = planned.phase;
  op.by = planned.by;
  op.mode = planned.mode;
  op.text = blob.optional_text(planned.text);
  op.target = blob.optional_text(planned.target);
  op.extra = place_extra(planned.extra, blob);
  op.fd = fd;
  op.flags = planned.flags;
  op.value = planned.value;
  return op;
}

Error too_large(std::string_view what, std::size_t count, std::size_t limit) {
  return Error(Code::kInvalidArgument, cat("the launch plan has ", count, " ", what, ", more than ", limit));
}

}  // namespace

Result<std::string> lay_out(const Plan& plan, const PlanFds& fds) {
  if (plan.ops.size() > plan::kMaxOps) return too_large("steps", plan.ops.size(), plan::kMaxOps);
  if (fds.count > plan::kMaxFds) return too_large("descriptors", fds.count, plan::kMaxFds);
  if (fds.ops.size() != plan.ops.size())
    return Error(Code::kInternal, "a launch plan has steps without a descriptor slot");
  Blob blob(sizeof(plan::Header) + plan.ops.size() * sizeof(plan::Op));
  for (std::size_t i = 0; i < plan.ops.size(); ++i) {
    blob.put(sizeof(plan::Header) + i * sizeof(plan::Op), lay_out_op(plan.ops[i], fds.ops[i], blob));
  }
  plan::Header header{};
  header.magic = plan::kMagic;
  header.version = plan::kVersion;
  header.op_count = static_cast<std::uint32_t>(plan.ops.size());
  header.fd_count = fds.count;
  header.join_pid_fd = fds.join_pid;
  header.into_cgroup_fd = fds.into_cgroup;
  header.argc = static_cast<std::uint32_t>(plan.argv.size());
  header.argv = blob.table(plan.argv);
  header.envc = static_cast<std::uint32_t>(plan.envp.size());
  header.envp = blob.table(plan.envp);
  header.candidate_count = static_cast<std::uint32_t>(plan.candidates.size());
  header.candidates = blob.table(plan.candidates);
  header.clone_flags = plan.clone_flags;
  blob.align();
  if (blob.length() > plan::kMaxSize) return too_large("bytes", blob.length(), plan::kMaxSize);
  header.total_size = static_cast<std::uint32_t>(blob.length());
  blob.put(0, header);
  return blob.take();
}

}  // namespace berth::runtime
