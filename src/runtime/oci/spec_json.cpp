// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/spec_json.hpp"

#include "runtime/oci/spec_parse.hpp"

namespace berth::oci {
namespace {

constexpr std::size_t kMaxConfig = 8U << 20;

void read_user(ObjectReader& from, User& out) {
  from.read("uid", out.uid);
  from.read("gid", out.gid);
  from.read("umask", out.umask);
  from.read("additionalGids", out.additional_gids);
}

void read_capabilities(ObjectReader& from, Capabilities& out) {
  from.read("bounding", out.bounding);
  from.read("effective", out.effective);
  from.read("permitted", out.permitted);
  from.read("inheritable", out.inheritable);
  from.read("ambient", out.ambient);
}

void read_mount(ObjectReader& from, Mount& out) {
  from.read("destination", out.destination);
  from.read("type", out.type);
  from.read("source", out.source);
  from.read("options", out.options);
  read_id_mappings(from, "uidMappings", out.uid_mappings);
  read_id_mappings(from, "gidMappings", out.gid_mappings);
}

void read_hooks(ObjectReader& from, std::string_view point, std::vector<Hook>& out) {
  from.each(point, [&](ObjectReader& hook) {
    Hook& entry = out.emplace_back();
    hook.read("path", entry.path);
    hook.read("args", entry.args);
    hook.read("env", entry.env);
    hook.read("timeout", entry.timeout);
  });
}

void read_all_hooks(ObjectReader& from, Hooks& out) {
  read_hooks(from, "prestart", out.prestart);
  read_hooks(from, "createRuntime", out.create_runtime);
  read_hooks(from, "createContainer", out.create_container);
  read_hooks(from, "startContainer", out.start_container);
  read_hooks(from, "poststart", out.poststart);
  read_hooks(from, "poststop", out.poststop);
}

void read_spec(ObjectReader& from, Spec& out) {
  from.read("ociVersion", out.oci_version);
  from.read("hostname", out.hostname);
  from.read("domainname", out.domainname);
  from.read("annotations", out.annotations);
  from.object("process", [&](ObjectReader& process) { read_process(process, out.process); });
  from.object("root", [&](ObjectReader& root) {
    root.read("path", out.root.path);
    root.read("readonly", out.root.readonly);
  });
  from.each("mounts", [&](ObjectReader& mount) { read_mount(mount, out.mounts.emplace_back()); });
  from.object("linux", [&](ObjectReader& linux_) { read_linux(linux_, out.linux_); });
  from.object("hooks", [&](ObjectReader& hooks) { read_all_hooks(hooks, out.hooks); });
  for (const char* key : {"windows", "solaris", "vm", "zos"}) from.refuse(key);
}

}  // namespace

void read_process(ObjectReader& from, Process& out) {
  from.read("terminal", out.terminal);
  from.object("consoleSize", [&](ObjectReader& size) {
    out.console_size.emplace();
    size.read("height", out.console_size->height);
    size.read("width", out.console_size->width);
  });
  from.object("user", [&](ObjectReader& user) { read_user(user, out.user); });
  from.read("args", out.args);
  from.read("env", out.env);
  from.read("cwd", out.cwd);
  from.object("capabilities",
              [&](ObjectReader& sets) { read_capabilities(sets, out.capabilities.emplace()); });
  from.each("rlimits", [&](ObjectReader& limit) {
    Rlimit& entry = out.rlimits.emplace_back();
    limit.read("type", entry.type);
    limit.read("soft", entry.soft);
    limit.read("hard", entry.hard);
  });
  from.read("noNewPrivileges", out.no_new_privileges);
  from.read("oomScoreAdj", out.oom_score_adj);
  from.read("apparmorProfile", out.apparmor_profile);
  from.read("selinuxLabel", out.selinux_label);
  read_scheduling(from, out);
}

Result<Spec> parse_spec(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxConfig, "config.json"));
  std::optional<Error> failure;
  Spec spec;
  ObjectReader reader(document, "", failure);
  read_spec(reader, spec);
  if (failure) return *std::move(failure);
  return spec;
}

Result<Process> parse_process(std::string_view text) {
  ASSIGN_OR_RETURN(const Json document, parse_json(text, kMaxConfig, "process"));
  std::optional<Error> failure;
  Process process;
  ObjectReader reader(document, "process", failure);
  read_process(reader, process);
  if (failure) return *std::move(failure);
  return process;
}

}  // namespace berth::oci
