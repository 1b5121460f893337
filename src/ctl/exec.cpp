// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/resolve.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

struct ExecArguments {
  std::string id;
  std::vector<std::string> command;
  std::int64_t timeout = 0;
};

Result<int> exec(const Context& context, const ExecArguments& with) {
  std::vector<std::string> equivalent = {"exec", "--sync"};
  if (with.timeout > 0) equivalent.insert(equivalent.end(), {"--timeout", std::to_string(with.timeout)});
  equivalent.push_back(with.id);
  equivalent.insert(equivalent.end(), with.command.begin(), with.command.end());
  show_crictl(context, equivalent);
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::ExecSyncRequest request;
  ASSIGN_OR_RETURN(*request.mutable_container_id(), resolve_container(client, with.id));
  for (const auto& word : with.command) request.add_cmd(word);
  request.set_timeout(with.timeout);
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::cout << answer.stdout() << std::flush;
  std::cerr << answer.stderr();
  return answer.exit_code();
}

}  // namespace

void add_exec(Verb cli) {
  auto with = std::make_shared<ExecArguments>();
  cli.add("exec", "Run a command in a container (ExecSync); ends with the command's exit status")
      .argument("ID", with->id, "The container's ID, the beginning of it, or its name")
      .arguments("CMD", with->command, "The command and its arguments, after --")
      .seconds("--timeout", with->timeout, "Seconds after which the command is killed; 0: never")
      .footer("Example:\n  berthctl exec app -- sh -c 'echo $HOSTNAME; exit 3'; echo $?")
      .runs([with](const Context& context) { return exec(context, *with); });
}

}  // namespace berth::ctl
