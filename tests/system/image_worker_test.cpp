// SPDX-License-Identifier: Apache-2.0
// The layer worker as a process: what its caller sees when it ends early.
#include <sys/wait.h>

#include <catch2/catch.hpp>

#include "image_layers_fixture.hpp"
#include "tar_builder.hpp"

namespace berth::image {
namespace {

std::string tar_with(const std::string& name) {
  testing::TarBuilder tar;
  tar.add({.name = name, .data = "x"});
  return tar.end().bytes();
}

TEST_CASE("a worker that fails early ends its writer's wait with its story", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  const auto refused = bench.unpack("l", tar_with("../x") + std::string(8 << 20, 'y'));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == Code::kInvalidArgument);
  CHECK_THAT(refused.error().to_string(), Catch::Contains("layer entry \"../x\""));
}

TEST_CASE("cancelling kills the worker, also while it waits for bytes", "[image][layer]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  REQUIRE(make_dirs(bench.dir("l"), 0755));
  UnpackRequest request;
  request.program = BERTH_UNPACK;
  request.target_dir = bench.dir("l");
  std::stop_source cancel;
  auto sink = start_unpack(request, cancel.get_token());
  REQUIRE(sink);
  const std::string tar = tar_with("a");
  REQUIRE((*sink)->write(std::as_bytes(std::span(tar))));
  cancel.request_stop();
  const auto written = (*sink)->write(std::as_bytes(std::span(tar)));
  REQUIRE_FALSE(written);
  CHECK(written.error().code() == Code::kCancelled);
  CHECK((*sink)->finish().error().code() == Code::kCancelled);
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left
}

}  // namespace
}  // namespace berth::image
