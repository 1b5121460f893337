// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "daemon/spec/container_spec.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;
using Words = std::vector<std::string>;

namespace {

struct Row {
  Words entrypoint, cmd;  ///< of the image
  Words command, args;    ///< of the request
  Words expected;         ///< empty: refused
};

Result<Words> run(const Row& row) {
  image::ImageConfig image;
  image.entrypoint = row.entrypoint;
  image.cmd = row.cmd;
  cri::ContainerConfig config;
  config.mutable_command()->Assign(row.command.begin(), row.command.end());
  config.mutable_args()->Assign(row.args.begin(), row.args.end());
  return container_args(config, image);
}

}  // namespace

TEST_CASE("The request's command replaces entrypoint and cmd; its args alone replace only cmd") {
  const Row rows[] = {
      {{"e"}, {"c"}, {}, {}, {"e", "c"}},
      {{"e"}, {"c"}, {}, {"a"}, {"e", "a"}},
      {{"e"}, {"c"}, {"x"}, {}, {"x"}},  // the image's cmd was meant for the image's entrypoint
      {{"e"}, {"c"}, {"x", "y"}, {"a", "b"}, {"x", "y", "a", "b"}},
      {{}, {"c", "d"}, {}, {}, {"c", "d"}},
      {{}, {"c"}, {}, {"a"}, {"a"}},
      {{"e", "f"}, {}, {}, {}, {"e", "f"}},
      {{}, {}, {"x"}, {}, {"x"}},
      {{}, {}, {}, {"a"}, {"a"}},
      {{"e"}, {"c"}, {}, {""}, {"e", ""}},  // an empty argument is one
  };
  for (const auto& row : rows) {
    const auto args = run(row);
    REQUIRE(args);
    CHECK(*args == row.expected);
  }
}

TEST_CASE("With nothing to run, or a program without a name, the container is refused") {
  for (const Row& row : {Row{{}, {}, {}, {}, {}}, Row{{}, {}, {""}, {"a"}, {}}, Row{{""}, {"c"}, {}, {}, {}},
                         Row{{}, {""}, {}, {}, {}}}) {
    const auto args = run(row);
    CHECK(has_code(args, Code::kInvalidArgument));
    CHECK(refusal(args) == "config.command: neither the request nor the image names a program to run");
  }
}
