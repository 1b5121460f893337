// SPDX-License-Identifier: Apache-2.0
#include "runtime/plan.hpp"

#include <iostream>
#include <memory>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "ctl/cli.hpp"
#include "ctl/verb.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/seccomp_program.hpp"

namespace berth::ctl {
namespace {

constexpr std::size_t kMaxSpec = 8 << 20;

Result<int> plan(const std::string& bundle) {
  const std::string path = cat(bundle, "/config.json");
  ASSIGN_OR_RETURN(const std::string text, read_file(path, kMaxSpec));
  auto spec = oci::parse_spec(text).context(path);
  if (!spec) return std::move(spec).error();
  runtime::CompileOptions options;
  options.attach_dir = "/run/berth/attach";
  runtime::SeccompCompiler compiler;
  if (spec->linux_.seccomp) {
    ASSIGN_OR_RETURN(options.seccomp, compiler.compile(*spec->linux_.seccomp));
  }
  ASSIGN_OR_RETURN(const auto compiled, runtime::compile_container(*spec, options));
  std::cout << runtime::dump(*compiled);
  return 0;
}

}  // namespace

void add_plan(Verb cli) {
  auto bundle = std::make_shared<std::string>();
  cli.add("plan", "Print the steps that start the container of an OCI bundle")
      .argument("BUNDLE", *bundle, "The directory of a config.json")
      .footer("Touches nothing and needs no rights.\n\nExample:\n  berthctl plan ./bundle")
      .runs([bundle](const Context&) { return plan(*bundle); });
}

}  // namespace berth::ctl
