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

struct Arguments {
  std::string id, container_file, pod_file;
  std::int64_t timeout = 10;
  bool all = false;
};

Result<int> create_container(const Context& context, const Arguments& with) {
  show_crictl(context, {"create", with.id, with.container_file, with.pod_file});
  cri::CreateContainerRequest request;
  RETURN_IF_ERROR(read_json_file(with.container_file, *request.mutable_config()));
  RETURN_IF_ERROR(read_json_file(with.pod_file, *request.mutable_sandbox_config()));
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(*request.mutable_pod_sandbox_id(), resolve_pod(client, with.id));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::cout << answer.container_id() << "\n";
  return 0;
}

Result<int> start_container(const Context& context, const Arguments& with) {
  show_crictl(context, {"start", with.id});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::StartContainerRequest request;
  ASSIGN_OR_RETURN(*request.mutable_container_id(), resolve_container(client, with.id));
  RETURN_IF_ERROR(client.call(request));
  std::cout << request.container_id() << "\n";
  return 0;
}

Result<int> stop_container(const Context& context, const Arguments& with) {
  show_crictl(context, {"stop", "--timeout", std::to_string(with.timeout), with.id});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::StopContainerRequest request;
  ASSIGN_OR_RETURN(*request.mutable_container_id(), resolve_container(client, with.id));
  request.set_timeout(with.timeout);
  RETURN_IF_ERROR(client.call(request));
  std::cout << request.container_id() << "\n";
  return 0;
}

Result<int> remove_container(const Context& context, const Arguments& with) {
  show_crictl(context, {"rm", "-f", with.id});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::RemoveContainerRequest request;
  ASSIGN_OR_RETURN(*request.mutable_container_id(), resolve_container(client, with.id));
  RETURN_IF_ERROR(client.call(request));
  std::cout << request.container_id() << "\n";
  return 0;
}

Result<int> status_container(const Context& context, const Arguments& with) {
  show_crictl(context, {"inspect", with.id});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::ContainerStatusRequest request;
  ASSIGN_OR_RETURN(*request.mutable_container_id(), resolve_container(client, with.id));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::cout << to_pretty_json(answer.status());
  return 0;
}

const char* state_name(cri::ContainerState state) {
  if (state == cri::CONTAINER_CREATED) return "Created";
  if (state == cri::CONTAINER_RUNNING) return "Running";
  return state == cri::CONTAINER_EXITED ? "Exited" : "Unknown";
}

Result<int> list_containers(const Context& context, const Arguments& with) {
  show_crictl(context, with.all ? std::vector<std::string>{"ps", "-a"} : std::vector<std::string>{"ps"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(cri::ListContainersRequest{}));
  const std::int64_t now = now_ns();
  std::vector<std::vector<std::string>> rows = {
      {"CONTAINER", "IMAGE", "AGE", "STATE", "NAME", "ATTEMPT", "POD ID"}};
  for (const auto& container : answer.containers()) {
    if (!with.all && container.state() != cri::CONTAINER_RUNNING) continue;
    rows.push_back({short_id(container.id()), container.image().image(),
                    format_age(container.created_at(), now), state_name(container.state()),
                    container.metadata().name(), std::to_string(container.metadata().attempt()),
                    short_id(container.pod_sandbox_id())});
  }
  std::cout << format_table(rows);
  return 0;
}

}  // namespace

void add_container(Verb cli) {
  Verb verb = cli.add("container", "Containers: create, start, list, status, stop, rm");
  verb.footer(
      "container.json is what crictl takes, such as\n"
      "  {\"metadata\": {\"name\": \"app\"}, \"image\": {\"image\": \"busybox:latest\"},\n"
      "   \"command\": [\"sleep\", \"3600\"], \"log_path\": \"app.log\", \"linux\": {}}\n\n"
      "Examples:\n"
      "  id=$(berthctl container create web container.json pod.json)\n"
      "  berthctl container start $id\n"
      "  berthctl container stop --timeout 5 app && berthctl container rm app");
  const auto with = std::make_shared<Arguments>();
  const auto running = [with](Result<int> (*action)(const Context&, const Arguments&)) {
    return [with, action](const Context& context) { return action(context, *with); };
  };
  verb.add("create", "Create a container in a pod; prints its ID")
      .argument("POD_ID", with->id, "The pod's ID, the beginning of it, or its name")
      .argument("CONTAINER.json", with->container_file, "The container's configuration")
      .argument("POD.json", with->pod_file, "The pod's configuration, as it was run")
      .runs(running(create_container));
  constexpr const char* kId = "The container's ID, the beginning of it, or its name";
  verb.add("start", "Start a created container").argument("ID", with->id, kId).runs(running(start_container));
  verb.add("stop", "Ask it to end, then kill it")
      .argument("ID", with->id, kId)
      .seconds("--timeout", with->timeout, "Seconds to wait before killing")
      .runs(running(stop_container));
  verb.add("rm", "Remove it, running or not").argument("ID", with->id, kId).runs(running(remove_container));
  verb.add("status", "One container, as JSON").argument("ID", with->id, kId).runs(running(status_container));
  verb.add("list", "Running containers")
      .flag("-a,--all", with->all, "Those that do not run, too")
      .runs(running(list_containers));
}

}  // namespace berth::ctl
