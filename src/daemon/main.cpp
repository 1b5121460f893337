// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <iostream>

#include "base/log.hpp"
#include "daemon/app.hpp"
#include "daemon/config.hpp"
#include "daemon/flags.hpp"
#include "daemon/version.hpp"

namespace {

using namespace berth;
using namespace berth::daemon;

/// Before any thread is there: threads inherit the mask, and signals are waited for in one place.
void set_up_process() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, number);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  ::umask(0022);
  // An arena per thread would keep what each once needed; two do not wait for each other noticeably.
  ::mallopt(M_ARENA_MAX, 2);
}

int fail(const Error& error) {
  std::cerr << "berthd: " << error.to_string() << "\n";
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"berthd, a Kubernetes container runtime: serves the CRI on a unix socket", "berthd"};
  cli.set_version_flag("--version", std::string("berthd ") + kVersion);
  Flags flags(cli);
  CLI11_PARSE(cli, argc, argv);

  set_up_process();
  auto loaded = flags.load();
  if (!loaded) return fail(loaded.error());
  const auto level = log::parse_level(loaded->config.log_level);
  const auto format = log::parse_format(loaded->config.log_format);
  if (!level) return fail(level.error());
  if (!format) return fail(format.error());
  log::configure(*level, *format);

  auto app = App::start(std::move(loaded->config));
  if (!app) return fail(app.error());
  (*app)->run_until_signal();
  return 0;
}
