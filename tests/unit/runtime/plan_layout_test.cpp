// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <cstring>

#include "plan_fixture.hpp"
#include "runtime/plan_layout.hpp"

namespace berth::runtime {
namespace {

PlanFds numbered(const Plan& plan) {
  PlanFds fds;
  for (const PlannedOp& op : plan.ops) {
    fds.ops.push_back(std::holds_alternative<NoFd>(op.fd) ? plan::kNoFd : fds.count++);
  }
  return fds;
}

std::unique_ptr<Plan> small_plan() {
  oci::Spec spec = test::small_spec();
  spec.process.user.additional_gids = {10, 20, 30};
  auto plan = compile_container(spec, test::pod_options());
  REQUIRE(plan);
  (*plan)->ops[test::position(**plan, plan::OpKind::kKeyring)].text = "_ses.x";
  return std::move(*plan);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

TEST_CASE("a plan survives being laid out and decoded", "[runtime][plan][layout]") {
  const auto plan = small_plan();
  const auto bytes = lay_out(*plan, numbered(*plan));
  REQUIRE(bytes);
  const auto decoded = decode_plan(bytes_of(*bytes));
  REQUIRE(decoded);
  REQUIRE(decoded->ops.size() == plan->ops.size());
  for (std::size_t i = 0; i < plan->ops.size(); ++i) {
    INFO(plan->ops[i].label);
    CHECK(decoded->ops[i].kind == plan->ops[i].kind);
    CHECK(decoded->ops[i].phase == plan->ops[i].phase);
    CHECK(decoded->ops[i].mode == plan->ops[i].mode);
    CHECK(decoded->ops[i].text == plan->ops[i].text);
    CHECK(decoded->ops[i].target == plan->ops[i].target);
    CHECK(decoded->ops[i].flags == plan->ops[i].flags);
    CHECK(decoded->ops[i].value == plan->ops[i].value);
    if (plan->ops[i].kind != plan::OpKind::kSeccomp) CHECK(decoded->ops[i].extra == plan->ops[i].extra);
  }
  CHECK(decoded->argv == plan->argv);
  CHECK(decoded->envp == plan->envp);
  CHECK(decoded->candidates == plan->candidates);
  CHECK(decoded->clone_flags == plan->clone_flags);
}

TEST_CASE("the instructions of a filter are laid out as they are", "[runtime][plan][layout]") {
  const auto plan = small_plan();
  const auto bytes = lay_out(*plan, numbered(*plan));
  const auto decoded = decode_plan(bytes_of(*bytes));
  REQUIRE(decoded);
  const auto& op = decoded->ops[test::position(*decoded, plan::OpKind::kSeccomp)];
  const auto& program = std::get<std::shared_ptr<const SeccompProgram>>(op.extra);
  REQUIRE(program->instructions.size() == 1);
  CHECK(program->instructions[0].k == 0x7fff0000);
}

TEST_CASE("arrays are aligned and no string is at offset zero", "[runtime][plan][layout]") {
  const auto plan = small_plan();
  const auto bytes = lay_out(*plan, numbered(*plan));
  REQUIRE(bytes);
  plan::Header header;
  std::memcpy(&header, bytes->data(), sizeof header);
  CHECK(header.total_size == bytes->size());
  CHECK(header.argv % 8 == 0);
  CHECK(header.envp % 8 == 0);
  CHECK(header.candidates % 8 == 0);
  for (std::uint32_t i = 0; i < header.op_count; ++i) {
    plan::Op op;
    std::memcpy(&op, bytes->data() + sizeof header + i * sizeof op, sizeof op);
    const bool array = op.kind == plan::OpKind::kGroups || op.kind == plan::OpKind::kCapabilities ||
                       op.kind == plan::OpKind::kSeccomp;
    if (array) CHECK((op.extra != 0 && op.extra % 8 == 0));
  }
}

TEST_CASE("an empty argument and an empty environment are laid out", "[runtime][plan][layout]") {
  Plan plan;
  plan.argv = {"x", ""};
  plan.candidates = {"/x"};
  const auto bytes = lay_out(plan, {});
  REQUIRE(bytes);
  const auto decoded = decode_plan(bytes_of(*bytes));
  REQUIRE(decoded);
  CHECK(decoded->argv == plan.argv);
  CHECK(decoded->envp.empty());
}

TEST_CASE("a plan that does not fit its format is refused", "[runtime][plan][layout]") {
  Plan large;
  large.argv = {std::string(plan::kMaxSize, 'x')};
  CHECK_FALSE(lay_out(large, {}));
  Plan long_one;
  long_one.ops.resize(plan::kMaxOps + 1, {plan::OpKind::kUmask, plan::Phase::kSetup});
  CHECK_FALSE(lay_out(long_one, numbered(long_one)));
  PlanFds many;
  many.count = plan::kMaxFds + 1;
  CHECK_FALSE(lay_out(Plan(), many));
}

TEST_CASE("damaged plans are refused by the decoder wherever they are cut or changed",
          "[runtime][plan][layout]") {
  const auto plan = small_plan();
  const auto bytes = lay_out(*plan, numbered(*plan));
  REQUIRE(bytes);
  for (std::size_t length = 0; length < bytes->size(); length += 7) {
    CHECK_FALSE(decode_plan(bytes_of(bytes->substr(0, length))));
  }
  // No change may make it read outside of the bytes; most make it fail.
  for (std::size_t at = 0; at < bytes->size(); at += 3) {
    std::string changed = *bytes;
    changed[at] = static_cast<char>(changed[at] ^ '\xff');
    (void)decode_plan(bytes_of(changed));
  }
}

TEST_CASE("a failed step is told in the words of its label", "[runtime][plan]") {
  const std::vector<std::string> labels = {"mount proc on /proc"};
  CHECK(launch_failure(labels, 0, EPERM).to_string() == "mount proc on /proc: Operation not permitted");
  CHECK(launch_failure(labels, 7, EIO).to_string() == "step 7 of the launch plan: Input/output error");
  CHECK(launch_failure(labels, plan::kFailedBeforeOps, ENOSPC).to_string() ==
        "create the process: No space left on device");
  CHECK(launch_failure(labels, 0, EPERM).sys_errno() == EPERM);
}

}  // namespace
}  // namespace berth::runtime
