// SPDX-License-Identifier: Apache-2.0
#include "base/table.hpp"
#include "runtime/cli/listing.hpp"
#include "runtime/cli/report.hpp"
#include "runtime/cli/verb.hpp"

namespace berth::runtime::cli {
namespace {

constexpr Option kListOptions[] = {
    {"format", 'f', "FORMAT", "table or json [table]"},
    {"quiet", 'q', "", "IDs alone"},
};

std::string text_of(const Json& states) {
  std::vector<std::vector<std::string>> rows = {{"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"}};
  for (const Json& state : states) {
    rows.push_back({state.value("id", ""), std::to_string(state.value("pid", 0)), state.value("status", ""),
                    state.value("bundle", ""), state.value("created", ""), state.value("owner", "")});
  }
  return format_table(rows);
}

Result<int> run_list(const Context& context) {
  ASSIGN_OR_RETURN(const bool json, wants_json(context.arguments));
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, StateDir::list(context.globals.root));
  Json states = Json::array();
  std::string quiet;
  for (const std::string& id : ids) {
    auto container = Container::open(context, id);
    if (!container) {
      // One that is just going is no news; one that is broken must not hide the others.
      if (container.error().code() != Code::kNotFound) warn(context.globals, container.error());
      continue;
    }
    if (context.arguments.has("quiet")) {
      quiet += id + "\n";
    } else {
      states.push_back(listed_state(*container));
    }
  }
  if (context.arguments.has("quiet")) {
    RETURN_IF_ERROR(print(quiet));
  } else {
    RETURN_IF_ERROR(print(json ? to_text(states) + "\n" : text_of(states)));
  }
  return 0;
}

}  // namespace

const Verb kList = {"list", "", "All containers", kListOptions, 0, 0, false, run_list};

}  // namespace berth::runtime::cli
