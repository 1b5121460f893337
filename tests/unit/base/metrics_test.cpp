// SPDX-License-Identifier: Apache-2.0
#include "base/metrics.hpp"

#include <catch2/catch.hpp>

using namespace berth;
using namespace std::chrono_literals;

TEST_CASE("counters and latencies are exposed as Prometheus text", "[base][metrics]") {
  metrics::count("m1_pulls", "ok");
  metrics::count("m1_pulls", "ok", 4);
  metrics::count("m1_pulls", "failed");
  metrics::observe("m1_rpc", "Status", 1500ms);
  metrics::observe("m1_rpc", "Status", 250ms);
  const std::string text = metrics::expose();
  CHECK(text.find("# TYPE berth_m1_pulls_total counter\n"
                  "berth_m1_pulls_total{label=\"failed\"} 1\n"
                  "berth_m1_pulls_total{label=\"ok\"} 5\n") != std::string::npos);
  CHECK(text.find("# TYPE berth_m1_rpc_seconds summary\n"
                  "berth_m1_rpc_seconds_sum{label=\"Status\"} 1.750000000\n"
                  "berth_m1_rpc_seconds_count{label=\"Status\"} 2\n") != std::string::npos);
}

TEST_CASE("hostile names and labels cannot forge lines", "[base][metrics]") {
  metrics::count("m2 bad\nname{}", "x\"} 1\nforged 2 \\");
  metrics::count("berth_m2_total", "");
  const std::string text = metrics::expose();
  CHECK(text.find("berth_m2_bad_name___total{label=\"x\\\"} 1\\nforged 2 \\\\\"} 1\n") != std::string::npos);
  CHECK(text.find("\nforged") == std::string::npos);
  CHECK(text.find("\nberth_m2_total 1\n") != std::string::npos);
}

TEST_CASE("endless new labels end up in one series", "[base][metrics]") {
  for (int i = 0; i < 6000; ++i) metrics::observe("m3", std::to_string(i), 1ns);
  const std::string text = metrics::expose();
  CHECK(text.find("berth_m3_seconds_count{label=\"other\"} ") != std::string::npos);
  CHECK(text.find("berth_m3_seconds_count{label=\"5999\"}") == std::string::npos);
}
