// SPDX-License-Identifier: Apache-2.0
#include "daemon/ops/operation.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

/// Writes down what was undone, in which order.
struct Journal {
  std::vector<std::string> undone;
  std::function<Result<void>()> undo(std::string name, bool fails = false) {
    return [this, name = std::move(name), fails]() -> Result<void> {
      undone.push_back(name);
      if (fails) return Error(Code::kInternal, "the undo of " + name + " failed");
      return {};
    };
  }
};

Result<void> work() {
  return {};
}

}  // namespace

TEST_CASE("What was done is undone newest first, and a failing undo does not stop the others") {
  Journal journal;
  {
    Operation op("Verb", "object");
    op.undo("first", journal.undo("first"));
    op.undo("second", journal.undo("second", true));
    op.undo("third", journal.undo("third", true));
  }
  CHECK(journal.undone == std::vector<std::string>{"third", "second", "first"});
}

TEST_CASE("After commit nothing is undone, and what the undos held is let go") {
  Journal journal;
  auto held = std::make_shared<int>(1);
  Operation op("Verb", "object");
  op.undo("first", [held]() -> Result<void> { return {}; });
  op.undo("second", journal.undo("second"));
  CHECK(held.use_count() == 2);
  op.commit();
  CHECK(journal.undone.empty());
  CHECK(held.use_count() == 1);
}

TEST_CASE("What is registered after a commit belongs to the next part, and is undone") {
  Journal journal;
  {
    Operation op("Verb", "object");
    op.undo("before", journal.undo("before"));
    op.commit();
    op.undo("after", journal.undo("after"));
  }
  CHECK(journal.undone == std::vector<std::string>{"after"});
}

TEST_CASE("A failing step says its name outside of its own story, and keeps code and errno") {
  Operation op("Verb", "object");
  const auto failed = op.step("mount /proc", []() -> Result<int> {
    return Error::from_errno(EPERM, "mount", "/proc").recode(Code::kPermissionDenied);
  });
  REQUIRE_FALSE(failed);
  CHECK(failed.error().to_string() == "mount /proc: mount /proc: Operation not permitted");
  CHECK(failed.error().code() == Code::kPermissionDenied);
  CHECK(failed.error().sys_errno() == EPERM);
}

TEST_CASE("A step hands its value through, also one that can only be moved") {
  Operation op("Verb", "object");
  auto made = op.step("make", []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); });
  REQUIRE(made);
  CHECK(**made == 7);
  CHECK(op.step("check", work));
}

TEST_CASE("An early return between two steps undoes only the steps before it") {
  Journal journal;
  auto verb = [&]() -> Result<void> {
    Operation op("Verb", "object");
    RETURN_IF_ERROR(op.step("one", work));
    op.undo("one", journal.undo("one"));
    RETURN_IF_ERROR(op.step("two", []() -> Result<void> { return Error(Code::kInternal, "no"); }));
    op.undo("two", journal.undo("two"));
    op.commit();
    return {};
  };
  CHECK(refusal(verb()) == "two: no");
  CHECK(journal.undone == std::vector<std::string>{"one"});
}
