// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <memory>

#include "base/clock.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/cri_json.hpp"
#include "ctl/crictl.hpp"
#include "ctl/resolve.hpp"
#include "ctl/table.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

Result<int> run_pod(const Context& context, const std::string& file, const std::string& handler) {
  std::vector<std::string> equivalent = {"runp"};
  if (!handler.empty()) equivalent.insert(equivalent.end(), {"--runtime", handler});
  equivalent.push_back(file);
  show_crictl(context, equivalent);
  cri::RunPodSandboxRequest request;
  RETURN_IF_ERROR(read_json_file(file, *request.mutable_config()));
  request.set_runtime_handler(handler);
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::cout << answer.pod_sandbox_id() << "\n";
  return 0;
}

Result<int> list_pods(const Context& context) {
  show_crictl(context, {"pods"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(cri::ListPodSandboxRequest{}));
  const std::int64_t now = now_ns();
  std::vector<std::vector<std::string>> rows = {
      {"POD ID", "AGE", "STATE", "NAME", "NAMESPACE", "ATTEMPT", "HANDLER"}};
  for (const auto& pod : answer.items()) {
    rows.push_back({short_id(pod.id()), format_age(pod.created_at(), now),
                    pod.state() == cri::SANDBOX_READY ? "Ready" : "NotReady", pod.metadata().name(),
                    pod.metadata().namespace_(), std::to_string(pod.metadata().attempt()),
                    pod.runtime_handler().empty() ? "(default)" : pod.runtime_handler()});
  }
  std::cout << format_table(rows);
  return 0;
}

Result<int> status_pod(const Context& context, const std::string& typed) {
  show_crictl(context, {"inspectp", typed});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::PodSandboxStatusRequest request;
  ASSIGN_OR_RETURN(*request.mutable_pod_sandbox_id(), resolve_pod(client, typed));
  request.set_verbose(true);
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::cout << to_pretty_json(answer.status());
  return 0;
}

Result<int> stop_pod(const Context& context, const std::string& typed) {
  show_crictl(context, {"stopp", typed});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::StopPodSandboxRequest request;
  ASSIGN_OR_RETURN(*request.mutable_pod_sandbox_id(), resolve_pod(client, typed));
  RETURN_IF_ERROR(client.call(request));
  std::cout << request.pod_sandbox_id() << "\n";
  return 0;
}

Result<int> remove_pod(const Context& context, const std::string& typed) {
  show_crictl(context, {"rmp", typed});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::RemovePodSandboxRequest request;
  ASSIGN_OR_RETURN(*request.mutable_pod_sandbox_id(), resolve_pod(client, typed));
  RETURN_IF_ERROR(client.call(request));
  std::cout << request.pod_sandbox_id() << "\n";
  return 0;
}

void add_with_id(Verb& verb, const char* name, const char* description,
                 Result<int> (*action)(const Context&, const std::string&)) {
  auto id = std::make_shared<std::string>();
  verb.add(name, description)
      .argument("ID", *id, "The pod's ID, the beginning of it, or its name")
      .runs([id, action](const Context& context) { return action(context, *id); });
}

}  // namespace

void add_pod(Verb cli) {
  Verb verb = cli.add("pod", "Pod sandboxes: run, list, status, stop, rm");
  verb.footer(
      "pod.json is what crictl takes, such as\n"
      "  {\"metadata\": {\"name\": \"web\", \"namespace\": \"default\", \"uid\": \"1\"},\n"
      "   \"log_directory\": \"/tmp/web\", \"linux\": {}}\n\n"
      "Examples:\n"
      "  pod=$(berthctl pod run pod.json)\n"
      "  berthctl pod status web\n"
      "  berthctl pod stop $pod && berthctl pod rm $pod");
  auto file = std::make_shared<std::string>();
  auto handler = std::make_shared<std::string>();
  verb.add("run", "Create and start a pod sandbox; prints its ID")
      .argument("FILE", *file, "The pod's configuration (JSON)")
      .option("--handler", *handler, "NAME", "A handler of the daemon's configuration")
      .runs([file, handler](const Context& context) { return run_pod(context, *file, *handler); });
  verb.add("list", "All pod sandboxes").runs(list_pods);
  add_with_id(verb, "status", "One pod sandbox, as JSON", status_pod);
  add_with_id(verb, "stop", "Kill its containers and take down its network", stop_pod);
  add_with_id(verb, "rm", "Remove a pod sandbox and its containers", remove_pod);
}

}  // namespace berth::ctl
