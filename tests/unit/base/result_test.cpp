// SPDX-License-Identifier: Apache-2.0
#include "base/result.hpp"

#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>

using namespace berth;

namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error(Code::kInvalidArgument, "odd");
  return number / 2;
}

Result<int> quarter(int number) {
  ASSIGN_OR_RETURN(const int first, half(number).context("first half"));
  ASSIGN_OR_RETURN(const int second, half(first).context("second half"));
  return second;
}

Result<void> must_be_even(int number) {
  RETURN_IF_ERROR(half(number));
  return {};
}

}  // namespace

TEST_CASE("an error tells its frames outermost first", "[base][result]") {
  Error error = Error::from_errno(ENOENT, "open", "/run/x");
  error.add_context("read state").add_context("load pod");
  CHECK(error.to_string() == "load pod: read state: open /run/x: No such file or directory");
}

TEST_CASE("an errno is kept but never becomes a code", "[base][result]") {
  const Error error = Error::from_errno(ENOENT, "open", "");
  CHECK(error.sys_errno() == ENOENT);
  CHECK(error.code() == Code::kInternal);
  CHECK(error.to_string() == "open: No such file or directory");
}

TEST_CASE("recode changes the code and keeps the story", "[base][result]") {
  Error error(Code::kInternal, "gone");
  error.recode(Code::kNotFound);
  CHECK(error.code() == Code::kNotFound);
  CHECK(error.to_string() == "gone");
}

TEST_CASE("the macros return the first failure with its context", "[base][result]") {
  CHECK(*quarter(12) == 3);
  CHECK(quarter(7).error().to_string() == "first half: odd");
  CHECK(quarter(6).error().to_string() == "second half: odd");
  CHECK(must_be_even(2));
  CHECK(must_be_even(3).error().code() == Code::kInvalidArgument);
}

TEST_CASE("context on a success changes nothing", "[base][result]") {
  CHECK(*half(4).context("unused") == 2);
  CHECK(Result<void>().context("unused"));
}

TEST_CASE("a result moves values that cannot be copied", "[base][result]") {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(5);
  const std::unique_ptr<int> value = *std::move(result);
  CHECK(*value == 5);
}
