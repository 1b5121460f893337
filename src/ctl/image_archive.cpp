// SPDX-License-Identifier: Apache-2.0
#include <climits>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "base/cat.hpp"
#include "ctl/client.hpp"
#include "ctl/image_verbs.hpp"

namespace berth::ctl {
namespace {

/// The daemon opens the path, and has another working directory.
Result<std::string> absolute(const std::string& path) {
  char resolved[PATH_MAX];
  if (::realpath(path.c_str(), resolved) == nullptr) return Error::from_errno(errno, "find", path);
  return std::string(resolved);
}

/// The same for a file that is not there yet.
Result<std::string> absolute_new(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (name.empty() || name == "." || name == "..")
    return Error(Code::kInvalidArgument, cat("\"", path, "\" is not the name of a file"));
  ASSIGN_OR_RETURN(const std::string directory,
                   absolute(slash == std::string::npos ? "." : path.substr(0, slash + 1)));
  return cat(directory == "/" ? "" : directory, "/", name);
}

template <class Images>
void print_images(const Images& images) {
  for (const auto& image : images) {
    std::cout << image.id();
    for (const auto& known_as : image.names()) std::cout << " " << known_as;
    std::cout << "\n";
  }
}

Result<int> import_image(const Context& context, const std::string& path, const std::string& name) {
  if (context.show_crictl) std::cerr << "# crictl has no import\n";
  admin::v1::ImportImageRequest request;
  request.set_name(name);
  ASSIGN_OR_RETURN(*request.mutable_path(), absolute(path));
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  print_images(answer.images());
  return 0;
}

Result<int> export_images(const Context& context, const std::string& path,
                          const std::vector<std::string>& references) {
  if (context.show_crictl) std::cerr << "# crictl has no export\n";
  admin::v1::ExportImageRequest request;
  for (const auto& reference : references) request.add_references(reference);
  ASSIGN_OR_RETURN(*request.mutable_path(), absolute_new(path));
  ASSIGN_OR_RETURN(Client client, Client::open(context));
  ASSIGN_OR_RETURN(const auto answer, client.call(request));
  print_images(answer.images());
  return 0;
}

}  // namespace

void add_image_archive(Verb& image) {
  auto path = std::make_shared<std::string>();
  auto name = std::make_shared<std::string>();
  image.add("import", "Read an OCI layout or archive, or a docker-archive, on the daemon's host")
      .argument("PATH", *path, "A tar (may be gzipped) or a directory")
      .option("--name", *name, "REF", "Call the image so, rather than as the archive does")
      .runs([path, name](const Context& context) { return import_image(context, *path, *name); });
  auto references = std::make_shared<std::vector<std::string>>();
  image
      .add("export",
           "Write images into one new tar, an OCI archive and a docker-archive at once; prints their IDs "
           "there")
      .argument("PATH", *path, "The file to make, on the daemon's host")
      .arguments("REF", *references, "The images, by name or ID")
      .runs(
          [path, references](const Context& context) { return export_images(context, *path, *references); });
}

}  // namespace berth::ctl
