// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <csignal>

#include "ctl/cli.hpp"
#include "ctl/report.hpp"

int main(int argc, char** argv) {
  CLI::App cli;
  berth::ctl::Context context;
  berth::ctl::build_cli(cli, context);
  CLI11_PARSE(cli, argc, argv);

  std::signal(SIGPIPE, SIG_IGN);
  const auto status = context.action();
  return status ? *status : berth::ctl::report(status.error());
}
