// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "pid1/plan_format.h"

namespace berth::pid1::test {

/// Lays out a plan, well-formed or not, for tests. Offsets that it hands out are final only in the
/// finished bytes.
class PlanWriter {
 public:
  plan::Header header = [] {
    plan::Header fresh = {};
    fresh.magic = plan::kMagic;
    fresh.version = plan::kVersion;
    fresh.join_pid_fd = plan::kNoFd;
    fresh.into_cgroup_fd = plan::kNoFd;
    return fresh;
  }();
  std::vector<plan::Op> ops;

  /// Adds an op; the reference is good until the next one is added.
  plan::Op& add(plan::OpKind kind, plan::Phase phase) {
    plan::Op op = {};
    op.kind = kind;
    op.phase = phase;
    op.fd = plan::kNoFd;
    ops.push_back(op);
    return ops.back();
  }

  uint32_t text(const std::string& value) { return put(value.c_str(), value.size() + 1, 1); }
  uint32_t list(const std::vector<std::string>& values) {
    std::string joined;
    for (const std::string& value : values) joined += value + '\0';
    return put((joined + '\0').data(), joined.size() + 1, 1);
  }
  template <class T>
  uint32_t array(const std::vector<T>& values) {
    return put(values.data(), values.size() * sizeof(T), 8);
  }

  void program(const std::vector<std::string>& argv, const std::vector<std::string>& env,
               const std::vector<std::string>& candidates) {
    header.argc = static_cast<uint32_t>(argv.size());
    header.envc = static_cast<uint32_t>(env.size());
    header.candidate_count = static_cast<uint32_t>(candidates.size());
    tables_[0] = strings(argv);
    tables_[1] = strings(env);
    tables_[2] = strings(candidates);
  }

  std::vector<unsigned char> finish() {
    const auto base = static_cast<uint32_t>(sizeof(plan::Header) + ops.size() * sizeof(plan::Op));
    const uint32_t offsets[] = {table(tables_[0], base), table(tables_[1], base), table(tables_[2], base)};
    put("", 1, 1);
    plan::Header head = header;
    head.op_count = static_cast<uint32_t>(ops.size());
    head.total_size = base + static_cast<uint32_t>(data_.size());
    head.argv = offsets[0];
    head.envp = offsets[1];
    head.candidates = offsets[2];
    std::vector<unsigned char> bytes(head.total_size);
    std::memcpy(bytes.data(), &head, sizeof head);
    for (size_t i = 0; i < ops.size(); ++i) {
      plan::Op op = ops[i];
      for (uint32_t* offset : {&op.text, &op.target, &op.extra}) {
        if (*offset != 0) *offset += base - kRelative;
      }
      std::memcpy(bytes.data() + sizeof head + i * sizeof op, &op, sizeof op);
    }
    std::memcpy(bytes.data() + base, data_.data(), data_.size());
    return bytes;
  }

 private:
  // Added to what is handed out, so that the first piece of data is not offset 0, which means absent.
  static constexpr uint32_t kRelative = 8;

  uint32_t put(const void* bytes, size_t size, size_t align) {
    while (data_.size() % align != 0) data_.push_back(0xee);
    const auto at = static_cast<uint32_t>(data_.size());
    const auto* from = static_cast<const unsigned char*>(bytes);
    data_.insert(data_.end(), from, from + size);
    return at + kRelative;
  }
  std::vector<uint32_t> strings(const std::vector<std::string>& values) {
    std::vector<uint32_t> offsets;
    for (const std::string& value : values) offsets.push_back(text(value));
    return offsets;
  }
  uint32_t table(const std::vector<uint32_t>& offsets, uint32_t base) {
    std::vector<uint64_t> words;
    for (const uint32_t offset : offsets) words.push_back(offset + base - kRelative);
    words.push_back(0);
    return array(words) + base - kRelative;
  }

  std::vector<unsigned char> data_;
  std::vector<uint32_t> tables_[3];
};

}  // namespace berth::pid1::test
