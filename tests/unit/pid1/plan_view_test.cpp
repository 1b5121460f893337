// SPDX-License-Identifier: Apache-2.0
#include "pid1/plan_view.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>
#include <memory>

#include "plan_writer.hpp"

using namespace berth;
using namespace berth::pid1;
using namespace berth::pid1::test;
using plan::OpKind;
using plan::Phase;

namespace {

/// Every kind of reference that a plan can hold, in order.
PlanWriter good_plan() {
  PlanWriter writer;
  writer.header.fd_count = 2;
  writer.add(OpKind::kJoinCgroup, Phase::kJoin).fd = 0;
  writer.add(OpKind::kSetns, Phase::kJoin).fd = plan::kPodNet;
  plan::Op& root = writer.add(OpKind::kAttachRoot, Phase::kFiles);
  root.fd = 1;
  root.target = writer.text("/attach");
  plan::Op& mount = writer.add(OpKind::kMountNew, Phase::kFiles);
  mount.text = writer.text("tmpfs");
  mount.target = writer.text("/dev");
  mount.extra = writer.list({"mode=755", "size=1m"});
  writer.add(OpKind::kPivot, Phase::kPivot);
  plan::Op& attr = writer.add(OpKind::kMountAttr, Phase::kMask);
  attr.target = writer.text("/");
  attr.text = writer.text("262144");
  writer.add(OpKind::kStdio, Phase::kSetup);
  plan::Op& groups = writer.add(OpKind::kGroups, Phase::kPrivileges);
  groups.extra = writer.array<uint32_t>({1, 2, 3});
  groups.value = 3;
  plan::Op& sets = writer.add(OpKind::kCapabilities, Phase::kPrivileges);
  sets.extra = writer.array<uint64_t>({1, 1, 0, 0});
  writer.add(OpKind::kGate, Phase::kGate);
  plan::Op& filter = writer.add(OpKind::kSeccomp, Phase::kSeccomp);
  filter.extra = writer.array<uint64_t>({0x7fff000000000006});
  filter.value = 1;
  writer.add(OpKind::kExec, Phase::kExec);
  writer.program({"/bin/sh", "-c", "true"}, {"A=1"}, {"/bin/sh", "/usr/bin/sh"});
  return writer;
}

constexpr uint32_t kLastOp = 11;

PlanVerdict check(const std::vector<unsigned char>& bytes, uint32_t fd_count = 2) {
  // Exactly as large as the plan, so that a sanitizer sees a byte read too far.
  const auto words = std::make_unique<uint64_t[]>(bytes.size() / 8 + 1);
  auto* at = reinterpret_cast<unsigned char*>(words.get());
  if (!bytes.empty()) std::memcpy(at, bytes.data(), bytes.size());
  return check_plan(at, bytes.size(), fd_count);
}

PlanVerdict check_changed(const std::function<void(PlanWriter&)>& change) {
  PlanWriter writer = good_plan();
  change(writer);
  return check(writer.finish());
}

plan::Header header_of(const std::vector<unsigned char>& bytes) {
  plan::Header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  return header;
}

PlanVerdict check_header(const std::function<void(plan::Header&)>& change) {
  std::vector<unsigned char> bytes = good_plan().finish();
  plan::Header header = header_of(bytes);
  change(header);
  std::memcpy(bytes.data(), &header, sizeof header);
  return check(bytes);
}

}  // namespace

TEST_CASE("A whole plan is accepted and read back") {
  std::vector<unsigned char> bytes = good_plan().finish();
  REQUIRE(check(bytes).err == 0);
  const PlanView view(bytes.data());
  CHECK(view.header().op_count == kLastOp + 1);
  CHECK(std::string(view.text(view.op(3).text)) == "tmpfs");
  CHECK(view.text(0) == nullptr);
  CHECK(view.find(OpKind::kGate) == 9);
  CHECK(view.find(OpKind::kTerminal) == view.header().op_count);
}

TEST_CASE("An op is done only by those who may, with the data that it needs") {
  const auto verdict_on = [](OpKind kind, Phase phase, plan::By by,
                             const std::function<void(PlanWriter&, plan::Op&)>& fill) {
    PlanWriter writer = good_plan();
    plan::Op op = {};
    op.kind = kind;
    op.phase = phase;
    op.by = by;
    op.fd = plan::kNoFd;
    fill(writer, op);
    const auto after = [&](const plan::Op& other) { return other.phase > phase; };
    writer.ops.insert(std::find_if(writer.ops.begin(), writer.ops.end(), after), op);
    return check(writer.finish()).err;
  };
  const auto texts = [](PlanWriter& writer, plan::Op& op) {
    op.text = writer.text("0 1 1");
    op.target = writer.text("0 1 1");
  };
  const auto nothing = [](PlanWriter&, plan::Op&) {};
  using plan::By;
  CHECK(verdict_on(OpKind::kIdMaps, Phase::kJoin, By::kMidwifeAfter, texts) == 0);
  CHECK(verdict_on(OpKind::kIdMaps, Phase::kJoin, By::kMidwifeAfter, nothing) == EBADMSG);
  CHECK(verdict_on(OpKind::kIdMaps, Phase::kJoin, By::kChild, texts) == EBADMSG);
  CHECK(verdict_on(OpKind::kIdMaps, Phase::kJoin, By::kMidwifeBefore, texts) == EBADMSG);
  CHECK(verdict_on(OpKind::kMoveLink, Phase::kJoin, By::kChild, texts) == EBADMSG);
  CHECK(verdict_on(OpKind::kMoveLink, Phase::kJoin, By::kMidwifeBefore, texts) == 0);
  CHECK(verdict_on(OpKind::kPersonality, Phase::kSetup, By::kMidwifeAfter, nothing) == EBADMSG);
  CHECK(verdict_on(OpKind::kPersonality, Phase::kSetup, static_cast<By>(3), nothing) == EBADMSG);
  CHECK(verdict_on(OpKind::kPersonality, Phase::kSetup, By::kChild, nothing) == 0);
  CHECK(verdict_on(OpKind::kSysctl, Phase::kJoin, By::kChild, texts) == EBADMSG);
  CHECK(verdict_on(OpKind::kScheduler, Phase::kJoin, By::kChild, nothing) == EBADMSG);
  const auto words = [](uint64_t count, std::vector<uint64_t> values) {
    return [=](PlanWriter& writer, plan::Op& op) {
      op.extra = writer.array(values);
      op.text = writer.text("eth0");
      op.value = count;
    };
  };
  CHECK(verdict_on(OpKind::kAffinity, Phase::kJoin, By::kChild, words(2, {1, 2})) == 0);
  CHECK(verdict_on(OpKind::kAffinity, Phase::kJoin, By::kChild, words(65, {1, 2})) == EBADMSG);
  CHECK(verdict_on(OpKind::kAffinity, Phase::kJoin, By::kChild, words(UINT64_MAX, {1, 2})) == EBADMSG);
  CHECK(verdict_on(OpKind::kMemoryPolicy, Phase::kJoin, By::kChild, words(60, {1})) == EBADMSG);
  CHECK(verdict_on(OpKind::kLinkUp, Phase::kUnshare, By::kChild, words(1, {1, 2, 3, 4})) == 0);
  CHECK(verdict_on(OpKind::kLinkUp, Phase::kUnshare, By::kChild, words(200, {1, 2, 3, 4})) == EBADMSG);
  CHECK(verdict_on(OpKind::kLinkUp, Phase::kUnshare, By::kChild, words(UINT64_MAX / 4, {1, 2, 3, 4})) ==
        EBADMSG);
  CHECK(verdict_on(OpKind::kScheduler, Phase::kJoin, By::kChild, words(0, {1, 2, 3, 4, 5, 6, 7})) == 0);
}

TEST_CASE("A plan that is cut anywhere is refused") {
  const std::vector<unsigned char> bytes = good_plan().finish();
  for (size_t size = 0; size < bytes.size(); ++size) {
    CAPTURE(size);
    std::vector<unsigned char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(check(cut).err != 0);
    if (size < sizeof(plan::Header)) continue;
    // And when its header claims that this is all.
    plan::Header header = header_of(cut);
    header.total_size = static_cast<uint32_t>(size);
    std::memcpy(cut.data(), &header, sizeof header);
    CHECK((check(cut).err != 0 || size + 1 == bytes.size()));
  }
}

TEST_CASE("A header with one wrong field is refused") {
  const auto bad = [](const std::function<void(plan::Header&)>& change) {
    const PlanVerdict verdict = check_header(change);
    CHECK(verdict.op_index == plan::kFailedBeforeOps);
    return verdict.err;
  };
  CHECK(bad([](auto& h) { h.magic ^= 1; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.version = 2; }) == EPROTONOSUPPORT);
  CHECK(bad([](auto& h) { ++h.total_size; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.op_count = 0; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.op_count = plan::kMaxOps + 1; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.op_count = 4000; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.fd_count = 3; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.join_pid_fd = 2; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.join_pid_fd = plan::kPodNet; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.into_cgroup_fd = plan::kPodPid; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.argc = 0; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.argc = UINT32_MAX; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.argc -= 1; }) == EBADMSG);  // no terminator there
  CHECK(bad([](auto& h) { h.argv += 4; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.argv = 0; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.envp = 8; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.envp = UINT32_MAX - 7; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.candidate_count = 0; }) == EBADMSG);
  CHECK(bad([](auto& h) { h.candidate_count = 300; }) == EBADMSG);
  CHECK(bad([](auto& h) {
          h.candidates = h.argv;
          h.candidate_count = h.argc;
        }) == EBADMSG);  // argv is rewritten before the candidates are read
  CHECK(check_header([](auto& h) { h.join_pid_fd = plan::kPodPid; }).err == 0);
}

TEST_CASE("An op with one wrong field is refused, and named") {
  struct Row {
    uint32_t index;
    std::function<void(plan::Op&)> change;
  };
  const Row rows[] = {
      {0, [](auto& op) { op.fd = 2; }},
      {0, [](auto& op) { op.fd = plan::kNoFd; }},
      {0, [](auto& op) { op.fd = plan::kPodNet; }},
      {1, [](auto& op) { op.fd = plan::kPodPid; }},
      {1, [](auto& op) { op.kind = static_cast<OpKind>(0); }},
      {1, [](auto& op) { op.kind = static_cast<OpKind>(999); }},
      {1, [](auto& op) { op.phase = static_cast<Phase>(0); }},
      {1, [](auto& op) { op.phase = Phase::kFiles; }},
      {2, [](auto& op) { op.target = 0; }},
      {3, [](auto& op) { op.text = 0; }},
      {3, [](auto& op) { op.target = 1u << 30; }},
      {3, [](auto& op) { op.extra = 1u << 30; }},
      {4, [](auto& op) { op.text = 1u << 30; }},  // even where the kind has no use for it
      {5, [](auto& op) { op.target = 0; }},
      {7, [](auto& op) { op.value = 1u << 20; }},
      {7, [](auto& op) { op.value = 60000; }},
      {7, [](auto& op) { op.extra += 4; }},
      {8, [](auto& op) { op.extra = 0; }},
      {10, [](auto& op) { op.value = 0; }},
      {10, [](auto& op) { op.value = 4097; }},
      {10, [](auto& op) { op.value = UINT64_MAX; }},
      {kLastOp, [](auto& op) { op.kind = OpKind::kSeccomp; }},
  };
  for (size_t i = 0; i < std::size(rows); ++i) {
    CAPTURE(i);
    const PlanVerdict verdict =
        check_changed([&](PlanWriter& writer) { rows[i].change(writer.ops[rows[i].index]); });
    CHECK(verdict.err == EBADMSG);
    CHECK(verdict.op_index == rows[i].index);
  }
}

TEST_CASE("Offsets into the header or the ops are refused") {
  for (const uint32_t offset : {1u, 8u, 64u, 100u}) {
    std::vector<unsigned char> bytes = good_plan().finish();
    constexpr size_t kTextOfOp3 = sizeof(plan::Header) + 3 * sizeof(plan::Op) + offsetof(plan::Op, text);
    std::memcpy(bytes.data() + kTextOfOp3, &offset, sizeof offset);
    CHECK(check(bytes).op_index == 3);
  }
}

TEST_CASE("A label needs its text, and a procfs to write it in") {
  const auto labelled = [](uint32_t fd, bool named) {
    return check_changed([&](PlanWriter& writer) {
             plan::Op& op = writer.ops[8];
             op.kind = OpKind::kLabel;
             op.mode = plan::kApparmorLabel;
             op.fd = fd;
             op.text = named ? writer.text("berth-default") : 0;
           })
        .err;
  };
  CHECK(labelled(0, true) == 0);
  CHECK(labelled(0, false) == EBADMSG);
  CHECK(labelled(2, true) == EBADMSG);
  CHECK(labelled(plan::kNoFd, true) == EBADMSG);
  CHECK(labelled(plan::kPodNet, true) == EBADMSG);
}

TEST_CASE("Ops out of order are refused") {
  const auto swapped = [](size_t a, size_t b) {
    return check_changed([&](PlanWriter& writer) { std::swap(writer.ops[a], writer.ops[b]); }).err;
  };
  CHECK(swapped(0, 2) == EBADMSG);   // join after files
  CHECK(swapped(3, 4) == EBADMSG);   // mount after the pivot
  CHECK(swapped(2, 3) == EBADMSG);   // mount before there is a root
  CHECK(swapped(9, 10) == EBADMSG);  // the filter's phase comes after the gate's
  CHECK(swapped(10, kLastOp) == EBADMSG);
  CHECK(swapped(7, 8) == 0);
}

TEST_CASE("What must be there once is there once") {
  const auto without = [](size_t index) {
    return check_changed([&](PlanWriter& writer) {
             writer.ops.erase(writer.ops.begin() + static_cast<std::ptrdiff_t>(index));
           })
        .err;
  };
  const auto twice = [](size_t index) {
    return check_changed([&](PlanWriter& writer) {
             const plan::Op op = writer.ops[index];
             writer.ops.insert(writer.ops.begin() + static_cast<std::ptrdiff_t>(index), op);
           })
        .err;
  };
  CHECK(without(kLastOp) == EBADMSG);
  CHECK(without(6) == EBADMSG);  // stdio
  CHECK(without(4) == EBADMSG);  // pivot
  CHECK(without(9) == 0);        // an exec has no gate
  for (const size_t index : {2u, 4u, 6u, 9u, kLastOp}) {
    CAPTURE(index);
    CHECK(twice(index) == EBADMSG);
  }
  CHECK(twice(3) == 0);
}

TEST_CASE("Strings and lists must end inside the plan") {
  std::vector<unsigned char> bytes = good_plan().finish();
  // Overwrites every NUL from the last one backwards; sooner or later nothing is terminated.
  const size_t first = header_of(bytes).op_count * sizeof(plan::Op) + sizeof(plan::Header);
  for (size_t i = first; i < bytes.size(); ++i) {
    if (bytes[i] == 0) bytes[i] = 'x';
  }
  CHECK(check(bytes).err == EBADMSG);
  CHECK(check_changed([](PlanWriter& writer) {
          writer.ops[3].extra = writer.list(std::vector<std::string>(20000, "abc"));
        }).op_index == 3);
}

TEST_CASE("A propagation that is no number is refused") {
  for (const char* text : {"", "x", "1x", "-1", " 1", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK(check_changed([&](PlanWriter& writer) { writer.ops[5].text = writer.text(text); }).op_index == 5);
  }
}

TEST_CASE("Any one changed byte is refused or harmless") {
  const std::vector<unsigned char> bytes = good_plan().finish();
  size_t refused = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::vector<unsigned char> changed = bytes;
      changed[i] = static_cast<unsigned char>(changed[i] ^ flip);
      if (check(changed).err != 0) ++refused;
    }
  }
  CHECK(refused > 500);
}
