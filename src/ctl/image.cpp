// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "base/cat.hpp"
#include "ctl/cli.hpp"
#include "ctl/client.hpp"
#include "ctl/crictl.hpp"
#include "ctl/image_verbs.hpp"
#include "ctl/pull_bars.hpp"
#include "ctl/table.hpp"
#include "ctl/verb.hpp"

namespace berth::ctl {
namespace {

Result<int> list_images(const Context& context) {
  show_crictl(context, {"images"});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(cri::ListImagesRequest{}));
  std::vector<std::vector<std::string>> rows = {{"IMAGE", "ID", "SIZE", "PINNED"}};
  for (const auto& image : answer.images()) {
    std::vector<std::string> names(image.repo_tags().begin(), image.repo_tags().end());
    if (names.empty()) names.assign(image.repo_digests().begin(), image.repo_digests().end());
    if (names.empty()) names.emplace_back("<none>");
    for (const auto& name : names) {
      rows.push_back({name, short_id(image.id()), format_bytes(image.size()), image.pinned() ? "yes" : ""});
    }
  }
  std::cout << format_table(rows);
  return 0;
}

/// Draws how far a pull has come on the terminal, over and over in the same place, until it is told to stop.
void draw_pull(Client& client, const std::string& reference, const std::stop_token& stop) {
  constexpr std::size_t kMostBars = 20;
  cri::ImageStatusRequest look;
  look.mutable_image()->set_image(reference);
  look.set_verbose(true);
  std::mutex mutex;
  std::condition_variable_any never;
  std::ptrdiff_t drawn = 0;
  const auto clear = [&drawn] { return drawn == 0 ? std::string() : cat("\033[", drawn, "A\033[J"); };
  std::unique_lock lock(mutex);
  while (!never.wait_for(lock, stop, std::chrono::milliseconds(100), [&] { return stop.stop_requested(); })) {
    const auto status = client.call(look);
    if (!status || !status->info().contains("pull")) continue;
    const std::string lines = format_pull(status->info().at("pull"), kMostBars);
    std::cerr << clear() << lines << std::flush;
    drawn = std::count(lines.begin(), lines.end(), '\n');
  }
  std::cerr << clear() << std::flush;
}

Result<int> pull_image(const Context& context, const std::string& reference) {
  show_crictl(context, {"pull", reference});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::PullImageRequest request;
  request.mutable_image()->set_image(reference);
  std::jthread bars;
  if (::isatty(STDERR_FILENO) != 0)
    bars = std::jthread([&](const std::stop_token& stop) { draw_pull(client, reference, stop); });
  const auto answer = client.call(request);
  bars = {};
  if (!answer) return answer.error();
  std::cout << answer->image_ref() << "\n";
  return 0;
}

Result<int> resolve_image(const Context& context, const std::string& reference) {
  if (context.show_crictl) std::cerr << "# crictl has no resolve\n";
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  admin::v1::ResolveImageRequest request;
  request.set_reference(reference);
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  std::string shown;
  for (const auto& server : answer.servers()) {
    if (server.reference() != shown) std::cout << server.reference() << "\n";
    shown = server.reference();
    std::cout << "  " << server.url() << "\n";
    for (const auto& trait : server.traits()) std::cout << "    " << trait << "\n";
    if (!server.said_by().empty()) std::cout << "    from " << server.said_by() << "\n";
    std::cout << "    credentials: " << (server.credentials().empty() ? "none" : server.credentials())
              << "\n";
    if (!server.problem().empty()) std::cout << "    problem: " << server.problem() << "\n";
  }
  return 0;
}

Result<int> remove_image(const Context& context, const std::string& reference) {
  show_crictl(context, {"rmi", reference});
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  cri::ImageStatusRequest look;
  look.mutable_image()->set_image(reference);
  ASSIGN_OR_RETURN(const auto found, client.call(look));
  // For the CRI removing nothing is success; a person has mistyped.
  if (!found.has_image()) return Error(Code::kNotFound, cat("there is no image \"", reference, "\""));
  cri::RemoveImageRequest request;
  request.mutable_image()->set_image(reference);
  RETURN_IF_ERROR(client.call(request));
  std::cout << found.image().id() << "\n";
  return 0;
}

void add_with_reference(Verb& verb, const char* name, const char* description,
                        Result<int> (*run)(const Context&, const std::string&)) {
  auto reference = std::make_shared<std::string>();
  verb.add(name, description)
      .argument("REF", *reference, "\"docker.io/library/busybox:latest\", with @sha256:..., or an ID")
      .runs([reference, run](const Context& context) { return run(context, *reference); });
}

}  // namespace

void add_image(Verb cli) {
  Verb verb = cli.add("image", "Images: import, export, list, pull, resolve, remove, prune, verify");
  verb.footer(
      "Examples:\n"
      "  berthctl image import busybox.tar --name docker.io/library/busybox:latest\n"
      "  berthctl image import ./oci-layout-directory\n"
      "  berthctl image export team.tar registry.example/team/app:1 registry.example/team/db:1\n"
      "  berthctl image pull docker.io/library/busybox:latest\n"
      "  berthctl image resolve busybox\n"
      "  berthctl image verify --repair");
  add_image_archive(verb);
  verb.add("list", "What is in the store").runs(list_images);
  add_with_reference(verb, "pull",
                     "Fetch an image from its registry, with a bar per layer on a terminal; prints the ID",
                     pull_image);
  add_with_reference(verb, "resolve",
                     "Show where a pull would look, in order, and whose credentials it would use",
                     resolve_image);
  add_with_reference(verb, "rm", "Remove a name, or by ID all names of an image", remove_image);
  add_image_upkeep(verb);
}

}  // namespace berth::ctl
