// SPDX-License-Identifier: Apache-2.0
#include "daemon/spec/stop_signal.hpp"

#include <catch2/catch.hpp>
#include <csignal>

#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

TEST_CASE("Words that are no signal are refused, also those one character away from one") {
  for (const char* word : {"",
                           "SIG",
                           "SIGSIGTERM",
                           "TERM ",
                           " TERM",
                           "0",
                           "-9",
                           "+9",
                           "65",
                           "99999999999999999999",
                           "9.0",
                           "SIGRTMIN+",
                           "SIGRTMIN+31",
                           "SIGRTMIN-3",
                           "SIGRTMAX+1",
                           "RTMAX-99",
                           "RTMIN+2147483647",
                           "RTMIN--1",
                           "RTMIN+-1",
                           "RTMIN3",
                           "RTMINMINUS1",
                           "RTMAXPLUS1",
                           "SIGNAL_SIGTERM",
                           "DEFAULT"}) {
    INFO(word);
    const auto number = parse_signal(word);
    CHECK(has_code(number, Code::kInvalidArgument));
    CHECK(refusal(number) == std::string("\"") + word + "\" is not a signal");
  }
}

TEST_CASE("A signal has many names") {
  const std::pair<const char*, int> rows[] = {{"SIGTERM", SIGTERM},
                                              {"term", SIGTERM},
                                              {"15", 15},
                                              {"sigkill", SIGKILL},
                                              {"SIGCLD", SIGCHLD},
                                              {"IOT", SIGABRT},
                                              {"SIGPOLL", SIGIO},
                                              {"SIGSYS", SIGSYS},
                                              {"SIGRTMIN", SIGRTMIN},
                                              {"64", SIGRTMAX},
                                              {"rtmin+3", SIGRTMIN + 3},
                                              {"SIGRTMAX-1", SIGRTMAX - 1},
                                              {"SIGRTMINPLUS15", SIGRTMIN + 15},
                                              {"RTMAXMINUS14", SIGRTMAX - 14},
                                              {"WINCH", SIGWINCH},
                                              {"SIGUSR1", SIGUSR1}};
  for (const auto& [word, number] : rows) {
    INFO(word);
    const auto parsed = parse_signal(word);
    REQUIRE(parsed);
    CHECK(*parsed == number);
  }
}

TEST_CASE(
    "Every signal that the CRI can name has a number, and finds its way back to a name of that number") {
  for (int value = cri::Signal_MIN; value <= cri::Signal_MAX; ++value) {
    if (!cri::Signal_IsValid(value) || value == cri::SIGNAL_RUNTIME_DEFAULT) continue;
    cri::ContainerConfig config;
    config.set_stop_signal(static_cast<cri::Signal>(value));
    INFO(cri::Signal_Name(config.stop_signal()));
    const int number = effective_stop_signal(config, "");
    CHECK((number != SIGTERM || config.stop_signal() == cri::SIGNAL_SIGTERM));
    cri::ContainerConfig back;
    back.set_stop_signal(to_cri_signal(number));
    CHECK(effective_stop_signal(back, "SIGUSR2") == number);
  }
}

TEST_CASE("The request's signal wins over the image's, and what neither knows is SIGTERM") {
  cri::ContainerConfig config;
  CHECK(effective_stop_signal(config, "") == SIGTERM);
  CHECK(effective_stop_signal(config, "SIGQUIT") == SIGQUIT);
  CHECK(effective_stop_signal(config, "3") == SIGQUIT);
  CHECK(effective_stop_signal(config, "no such signal") == SIGTERM);
  config.set_stop_signal(cri::SIGNAL_SIGHUP);
  CHECK(effective_stop_signal(config, "SIGQUIT") == SIGHUP);
}

TEST_CASE("A signal number from a newer API than ours is not looked up in our names") {
  cri::ContainerConfig config;
  config.set_stop_signal(static_cast<cri::Signal>(250));
  CHECK(effective_stop_signal(config, "SIGQUIT") == SIGQUIT);
  config.set_stop_signal(static_cast<cri::Signal>(-1));
  CHECK(effective_stop_signal(config, "") == SIGTERM);
}

TEST_CASE("A number without a name in the CRI is reported as the default") {
  CHECK(to_cri_signal(0) == cri::SIGNAL_RUNTIME_DEFAULT);
  CHECK(to_cri_signal(-1) == cri::SIGNAL_RUNTIME_DEFAULT);
  CHECK(to_cri_signal(SIGKILL) == cri::SIGNAL_SIGKILL);
}
