// SPDX-License-Identifier: Apache-2.0
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>
#include <map>
#include <unordered_map>

#include "base/cat.hpp"
#include "base/digest.hpp"
#include "base/guarded.hpp"
#include "base/log.hpp"
#include "base/unique_fd.hpp"
#include "runtime/oci/spec_json.hpp"
#include "runtime/seccomp_arch.hpp"
#include "runtime/seccomp_notify.hpp"
#include "runtime/seccomp_program.hpp"
#include "runtime/seccomp_recent.hpp"
#include "runtime/seccomp_stub.hpp"

namespace berth::runtime {
namespace {

constexpr std::size_t kMaxInstructions = 4096;  // BPF_MAXINSNS
constexpr std::size_t kMaxRules = 4096;         // libseccomp's time grows faster than their number
constexpr std::size_t kMaxCached = 64;

using Context = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Error invalid(std::string_view field, std::string_view value, std::string_view problem) {
  return Error(Code::kInvalidArgument, cat("seccomp ", field, ": ", value, " ", problem));
}

std::string in_quotes(std::string_view word) {
  return cat("\"", word, "\"");
}

Error failed(int rc, std::string_view what) {
  return Error::from_errno(-rc, "compile seccomp filter:", what);
}

Result<std::uint32_t> parse_action(const std::string& word, const std::optional<unsigned>& errno_ret) {
  struct Action {
    std::string_view word;
    std::uint32_t value;
    bool takes_errno;
  };
  constexpr Action kActions[] = {
      {"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW, false},
      {"SCMP_ACT_ERRNO", SCMP_ACT_ERRNO(0), true},
      {"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD, false},
      {"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD, false},
      {"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS, false},
      {"SCMP_ACT_LOG", SCMP_ACT_LOG, false},
      {"SCMP_ACT_NOTIFY", SCMP_ACT_NOTIFY, false},
      {"SCMP_ACT_TRACE", SCMP_ACT_TRACE(0), true},
      {"SCMP_ACT_TRAP", SCMP_ACT_TRAP, false},
  };
  for (const Action& action : kActions) {
    if (action.word != word) continue;
    if (!action.takes_errno) {
      // 0 is what writers of profiles leave in the field when they mean nothing by it.
      if (errno_ret.value_or(0) != 0)
        return invalid("errnoRet", std::to_string(*errno_ret), cat("means nothing to ", word));
      return action.value;
    }
    const unsigned value = errno_ret.value_or(EPERM);
    if (value > 0xffff) return invalid("errnoRet", std::to_string(value), "is not an error number");
    return action.value | value;
  }
  return invalid("action", in_quotes(word), "is unknown");
}

Result<std::uint32_t> parse_architecture(const std::string& word) {
  std::string name = word.substr(0, 10) == "SCMP_ARCH_" ? word.substr(10) : "";
  for (char& letter : name)
    letter = static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
  const std::uint32_t token =
      name.empty() || name == "native" ? 0 : ::seccomp_arch_resolve_name(name.c_str());
  if (word == "SCMP_ARCH_NATIVE") return ::seccomp_arch_native();
  if (token == 0) return invalid("architectures", in_quotes(word), "is unknown");
  return token;
}

Result<scmp_compare> parse_operator(const std::string& word) {
  struct Operator {
    std::string_view word;
    scmp_compare value;
  };
  constexpr Operator kOperators[] = {{"SCMP_CMP_NE", SCMP_CMP_NE},
                                     {"SCMP_CMP_LT", SCMP_CMP_LT},
                                     {"SCMP_CMP_LE", SCMP_CMP_LE},
                                     {"SCMP_CMP_EQ", SCMP_CMP_EQ},
                                     {"SCMP_CMP_GE", SCMP_CMP_GE},
                                     {"SCMP_CMP_GT", SCMP_CMP_GT},
                                     {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ}};
  for (const Operator& known : kOperators) {
    if (known.word == word) return known.value;
  }
  return invalid("op", in_quotes(word), "is unknown");
}

Result<std::vector<scmp_arg_cmp>> parse_arguments(const std::vector<oci::SeccompArg>& args) {
  std::vector<scmp_arg_cmp> out;
  for (const oci::SeccompArg& arg : args) {
    if (arg.index > 5) return invalid("args.index", std::to_string(arg.index), "is above 5");
    ASSIGN_OR_RETURN(const scmp_compare compare, parse_operator(arg.op));
    out.push_back({.arg = arg.index, .op = compare, .datum_a = arg.value, .datum_b = arg.value_two});
  }
  return out;
}

/// libseccomp joins the comparisons of one rule by "and", and knows each argument once; profiles
/// that name an argument twice mean "or".
std::vector<std::vector<scmp_arg_cmp>> alternatives(const std::vector<scmp_arg_cmp>& args) {
  bool repeated = false;
  for (std::size_t i = 0; i < args.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) repeated = repeated || args[i].arg == args[j].arg;
  }
  if (!repeated) return {args};
  std::vector<std::vector<scmp_arg_cmp>> out;
  for (const scmp_arg_cmp& arg : args) out.push_back({arg});
  return out;
}

bool is_flag_supported(std::uint64_t flag) {
  if (flag == SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
  // EFAULT: the flag passed, the missing program did not.
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, nullptr) != 0 && errno == EFAULT;
}

Result<std::uint64_t> parse_flags(const std::optional<std::vector<std::string>>& flags) {
  struct Flag {
    std::string_view word;
    std::uint64_t value;
  };
  constexpr Flag kFlags[] = {
      {"SECCOMP_FILTER_FLAG_TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
      {"SECCOMP_FILTER_FLAG_LOG", SECCOMP_FILTER_FLAG_LOG},
      {"SECCOMP_FILTER_FLAG_SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
      {"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV}};
  if (!flags) {
    static const bool kSpecAllow = is_flag_supported(SECCOMP_FILTER_FLAG_SPEC_ALLOW);
    return kSpecAllow ? std::uint64_t{SECCOMP_FILTER_FLAG_SPEC_ALLOW} : 0;
  }
  std::uint64_t out = 0;
  for (const std::string& word : *flags) {
    const auto* known = std::find_if(std::begin(kFlags), std::end(kFlags),
                                     [&](const Flag& flag) { return flag.word == word; });
    if (known == std::end(kFlags)) return invalid("flags", in_quotes(word), "is unknown");
    if (!is_flag_supported(known->value))
      return invalid("flags", word, "is not supported by the running kernel");
    out |= known->value;
  }
  return out;
}

class Compilation {
 public:
  explicit Compilation(const oci::Seccomp& profile) : profile_(profile) {}
  Result<SeccompProgram> run();

 private:
  Result<void> create();
  Result<void> add_architectures();
  Result<void> add_rule(const oci::SeccompRule& rule);
  Result<void> add_name(const std::string& name, std::uint32_t action,
                        const std::vector<std::vector<scmp_arg_cmp>>& cases);
  Result<std::vector<sock_filter>> export_instructions();
  bool wants_stub() const;
  bool has_architecture(std::uint32_t token) const {
    return std::find(architectures_.begin(), architectures_.end(), token) != architectures_.end();
  }
  std::vector<NewestSyscall> newest() const;
  std::optional<std::uint32_t> newest_of(std::uint32_t architecture) const;
  void add_recent(std::uint32_t architecture, std::vector<RecentSyscall>& out) const;

  const oci::Seccomp& profile_;
  Context context_{nullptr, ::seccomp_release};
  std::uint32_t default_action_ = 0;
  std::vector<std::uint32_t> architectures_;
  std::size_t rules_ = 0;
  std::map<std::string, std::uint32_t> recent_;  ///< calls that libseccomp does not know
};

Result<void> Compilation::create() {
  auto action = parse_action(profile_.default_action, profile_.default_errno_ret);
  if (!action) return std::move(action).error().add_context("seccomp defaultAction");
  default_action_ = *action;
  context_.reset(::seccomp_init(default_action_));
  if (!context_) return Error(Code::kInternal, "compile seccomp filter: out of memory");
  // The whole process: a program of a foreign architecture must not go on with its other threads.
  ::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  const int rc = ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
  return rc == 0 ? Result<void>() : failed(rc, "set the optimisation");
}

Result<void> Compilation::add_architectures() {
  const std::uint32_t native = ::seccomp_arch_native();
  for (const std::string& word : profile_.architectures) {
    ASSIGN_OR_RETURN(const std::uint32_t token, parse_architecture(word));
    if (has_architecture(token)) continue;
    architectures_.push_back(token);
  }
  if (architectures_.empty()) architectures_.push_back(native);
  for (const std::uint32_t token : architectures_) {
    if (token == native) continue;
    const int rc = ::seccomp_arch_add(context_.get(), token);
    if (rc == -EDOM || rc == -EINVAL)
      return Error(Code::kInvalidArgument, "seccomp architectures: of another byte order than this machine");
    if (rc != 0 && rc != -EEXIST) return failed(rc, "add an architecture");
  }
  if (!has_architecture(native)) {
    const int rc = ::seccomp_arch_remove(context_.get(), native);
    if (rc != 0) return failed(rc, "remove the native architecture");
  }
  return {};
}

Result<void> Compilation::add_name(const std::string& name, std::uint32_t action,
                                   const std::vector<std::vector<scmp_arg_cmp>>& cases) {
  if (name.empty()) return Error(Code::kInvalidArgument, "seccomp names: a system call without a name");
  const int number = ::seccomp_syscall_resolve_name(name.c_str());
  if (number == __NR_SCMP_ERROR) {
    // Where arguments decide, the call is left to the default, as if it were unknown.
    const bool unconditional = cases.size() == 1 && cases.front().empty();
    if (unconditional && recent_syscall_number(::seccomp_arch_native(), name)) {
      recent_.emplace(name, action);  // the first verdict counts
    } else {
      log::debug("seccomp profile names a system call that this host does not know", {{"syscall", name}});
    }
    return {};
  }
  for (const auto& args : cases) {
    if (++rules_ > kMaxRules)
      return Error(Code::kInvalidArgument, cat("the seccomp profile has more than ", kMaxRules, " rules"));
    const int rc = ::seccomp_rule_add_array(context_.get(), action, number,
                                            static_cast<unsigned>(args.size()), args.data());
    // A rule that says the same again changes nothing.
    if (rc != 0 && rc != -EEXIST)
      return Error::from_errno(-rc, "compile seccomp rule for", name).recode(Code::kInvalidArgument);
  }
  return {};
}

Result<void> Compilation::add_rule(const oci::SeccompRule& rule) {
  ASSIGN_OR_RETURN(const std::uint32_t action, parse_action(rule.action, rule.errno_ret));
  ASSIGN_OR_RETURN(const auto args, parse_arguments(rule.args));
  if (rule.names.empty()) return Error(Code::kInvalidArgument, "seccomp syscalls: a rule without names");
  // What says no more than the default is refused by libseccomp.
  if (action == default_action_) return {};
  for (const std::string& name : rule.names) RETURN_IF_ERROR(add_name(name, action, alternatives(args)));
  return {};
}

Result<std::vector<sock_filter>> Compilation::export_instructions() {
  UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) return Error::from_errno(errno, "create a memory file for", "the seccomp filter");
  if (const int rc = ::seccomp_export_bpf(context_.get(), file.get()); rc != 0)
    return failed(rc, "export the program");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return Error::from_errno(errno, "inspect", "the seccomp filter");
  std::vector<sock_filter> out(static_cast<std::size_t>(status.st_size) / sizeof(sock_filter));
  const std::size_t length = out.size() * sizeof(sock_filter);
  if (::pread(file.get(), out.data(), length, 0) != static_cast<ssize_t>(length)) {
    return Error::from_errno(errno, "read", "the seccomp filter");
  }
  return out;
}

bool Compilation::wants_stub() const {
  const std::uint32_t action = default_action_ & SECCOMP_RET_ACTION_FULL;
  if (action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG || action == SECCOMP_RET_TRACE) return false;
  return default_action_ != SCMP_ACT_ERRNO(ENOSYS);
}

std::optional<std::uint32_t> Compilation::newest_of(std::uint32_t architecture) const {
  if (!wants_stub() || !has_architecture(architecture)) return std::nullopt;
  std::optional<std::uint32_t> newest;
  for (const oci::SeccompRule& rule : profile_.syscalls) {
    for (const std::string& name : rule.names) {
      const int known = ::seccomp_syscall_resolve_name_arch(architecture, name.c_str());
      std::optional<std::uint32_t> number;
      if (known == __NR_SCMP_ERROR) number = recent_syscall_number(architecture, name);
      if (known >= 0) number = static_cast<std::uint32_t>(known);
      if (number) newest = std::max(newest.value_or(0), *number & ~kX32Bit);
    }
  }
  return newest;
}

void Compilation::add_recent(std::uint32_t architecture, std::vector<RecentSyscall>& out) const {
  if (!has_architecture(architecture)) return;
  for (const auto& [name, action] : recent_) {
    if (const auto number = recent_syscall_number(architecture, name)) out.push_back({*number, action});
  }
}

std::vector<NewestSyscall> Compilation::newest() const {
  std::vector<NewestSyscall> out;
  for (const std::uint32_t token : architectures_) {
    // x32 is not an audit architecture of its own; it is told from x86_64 by a bit of the number.
    if (token == SCMP_ARCH_X32) {
      if (has_architecture(SCMP_ARCH_X86_64)) continue;
      out.push_back({SCMP_ARCH_X86_64, std::nullopt, true, newest_of(token), {}});
    } else if (token == SCMP_ARCH_X86_64) {
      out.push_back({token, newest_of(token), true, newest_of(SCMP_ARCH_X32), {}});
      add_recent(SCMP_ARCH_X32, out.back().recent);
    } else {
      out.push_back({token, newest_of(token), false, std::nullopt, {}});
    }
    add_recent(token, out.back().recent);
  }
  return out;
}

Result<SeccompProgram> Compilation::run() {
  RETURN_IF_ERROR(create());
  RETURN_IF_ERROR(add_architectures());
  for (const oci::SeccompRule& rule : profile_.syscalls) RETURN_IF_ERROR(add_rule(rule));
  SeccompProgram program;
  ASSIGN_OR_RETURN(const std::uint64_t flags, parse_flags(profile_.flags));
  ASSIGN_OR_RETURN(program.flags, with_listener(profile_, flags));
  program.instructions = enosys_stub(newest());
  ASSIGN_OR_RETURN(const auto filter, export_instructions());
  program.instructions.insert(program.instructions.end(), filter.begin(), filter.end());
  if (program.instructions.empty() || program.instructions.size() > kMaxInstructions) {
    return Error(Code::kInvalidArgument, cat("the seccomp profile compiles to ", program.instructions.size(),
                                             " instructions, the kernel takes 1 to ", kMaxInstructions));
  }
  return program;
}

}  // namespace

Result<SeccompProgram> compile_seccomp(const oci::Seccomp& profile) {
  return Compilation(profile).run();
}

/// Least recently used out first.
struct SeccompCompiler::Cache {
  struct Entry {
    std::string key;
    std::shared_ptr<const SeccompProgram> program;
  };
  struct State {
    std::list<Entry> entries;  ///< newest first
    std::unordered_map<std::string, std::list<Entry>::iterator> by_key;
  };
  Guarded<State> state;

  std::shared_ptr<const SeccompProgram> find(const std::string& key) {
    auto access = state.lock();
    const auto found = access->by_key.find(key);
    if (found == access->by_key.end()) return nullptr;
    access->entries.splice(access->entries.begin(), access->entries, found->second);
    return found->second->program;
  }

  void store(const std::string& key, std::shared_ptr<const SeccompProgram> program) {
    auto access = state.lock();
    if (access->by_key.count(key) != 0) return;
    access->entries.push_front({key, std::move(program)});
    access->by_key[key] = access->entries.begin();
    if (access->entries.size() <= kMaxCached) return;
    access->by_key.erase(access->entries.back().key);
    access->entries.pop_back();
  }
};

SeccompCompiler::SeccompCompiler() : cache_(std::make_unique<Cache>()) {
  // libseccomp probes the kernel on first use and keeps the answer in globals: once, here.
  ::seccomp_api_get();
}
SeccompCompiler::~SeccompCompiler() = default;

Result<std::shared_ptr<const SeccompProgram>> SeccompCompiler::compile(const oci::Seccomp& profile) {
  const std::string key = sha256(to_text(oci::to_json(profile))).text();
  if (auto known = cache_->find(key)) return known;
  // Outside of the lock: two threads that miss at once both compile, and get equal programs.
  ASSIGN_OR_RETURN(SeccompProgram program, compile_seccomp(profile));
  program.digest = sha256({reinterpret_cast<const char*>(program.instructions.data()),
                           program.instructions.size() * sizeof(sock_filter)})
                       .text();
  auto shared = std::make_shared<const SeccompProgram>(std::move(program));
  cache_->store(key, shared);
  return shared;
}

}  // namespace berth::runtime
