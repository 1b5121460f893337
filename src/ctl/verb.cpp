// SPDX-License-Identifier: Apache-2.0
#include "ctl/verb.hpp"

#include <CLI/CLI.hpp>

namespace berth::ctl {

Verb Verb::add(const std::string& name, const std::string& description) {
  app_->require_subcommand(1);
  return {*app_->add_subcommand(name, description), *context_};
}

Verb& Verb::footer(const std::string& text) {
  app_->footer(text);
  return *this;
}

Verb& Verb::argument(const std::string& name, std::string& into, const std::string& description) {
  app_->add_option(name, into, description)->required();
  return *this;
}

Verb& Verb::argument(const std::string& name, std::string& into, const std::vector<std::string>& choices,
                     const std::string& description) {
  app_->add_option(name, into, description)->required()->check(CLI::IsMember(choices));
  return *this;
}

Verb& Verb::arguments(const std::string& name, std::vector<std::string>& into,
                      const std::string& description) {
  app_->add_option(name, into, description)->required();
  return *this;
}

Verb& Verb::any_arguments(const std::string& name, std::vector<std::string>& into,
                          const std::string& description) {
  app_->add_option(name, into, description);
  return *this;
}

Verb& Verb::option(const std::string& name, std::string& into, const std::string& type,
                   const std::string& description) {
  app_->add_option(name, into, description)->type_name(type);
  return *this;
}

Verb& Verb::required_option(const std::string& name, std::string& into, const std::string& type,
                            const std::string& description) {
  app_->add_option(name, into, description)->type_name(type)->required();
  return *this;
}

Verb& Verb::seconds(const std::string& name, std::int64_t& into, const std::string& description) {
  app_->add_option(name, into, description)
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{86400}))
      ->capture_default_str();
  return *this;
}

Verb& Verb::flag(const std::string& name, bool& into, const std::string& description) {
  app_->add_flag(name, into, description);
  return *this;
}

void Verb::runs(std::function<Result<int>(const Context&)> action) {
  app_->callback([context = context_, action = std::move(action)] {
    context->action = [context, action] { return action(*context); };
  });
}

}  // namespace berth::ctl
