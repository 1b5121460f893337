// SPDX-License-Identifier: Apache-2.0
#include "daemon/rpc/list_stream.hpp"

#include <catch2/catch.hpp>

#include <map>

using namespace berth::daemon;
using berth::daemon::rpc::first_piece;

namespace {

std::string list_of(std::initializer_list<std::size_t> sizes) {
  cri::ListPodSandboxResponse list;
  for (const std::size_t size : sizes) list.add_items()->set_id(std::string(size, 'x'));
  return list.SerializeAsString();
}

}  // namespace

TEST_CASE("A piece has as many items as fit, in order, and none is cut") {
  const std::string list = list_of({100, 200, 300, 400});
  std::vector<int> counts;
  cri::StreamPodSandboxesResponse all;
  for (std::string_view rest = list; !rest.empty();) {
    const auto piece = first_piece(rest, 320);
    rest.remove_prefix(piece.size());
    cri::StreamPodSandboxesResponse parsed;
    REQUIRE(parsed.ParseFromString(std::string(piece)));
    counts.push_back(parsed.pod_sandboxes_size());
    all.MergeFrom(parsed);
  }
  CHECK(counts == std::vector<int>{2, 1, 1});
  REQUIRE(all.pod_sandboxes_size() == 4);
  for (int i = 0; i < 4; ++i)
    CHECK(all.pod_sandboxes(i).id().size() == static_cast<std::size_t>(i + 1) * 100);
}

TEST_CASE("An item larger than a piece is a piece, and an empty list has none") {
  const std::string list = list_of({5000, 1});
  const auto piece = first_piece(list, 100);
  CHECK(piece.size() > 5000);
  CHECK(piece.size() < list.size());
  CHECK(first_piece("", 100).empty());
  CHECK(first_piece(list, list.size()) == list);
}

TEST_CASE("A Stream call has the fields of its List twin, and the items under the same number") {
  const auto* file = cri::VersionRequest::descriptor()->file();
  const std::map<std::string, std::string> twins = {{"StreamPodSandboxes", "ListPodSandbox"},
                                                    {"StreamContainers", "ListContainers"},
                                                    {"StreamContainerStats", "ListContainerStats"},
                                                    {"StreamPodSandboxStats", "ListPodSandboxStats"},
                                                    {"StreamPodSandboxMetrics", "ListPodSandboxMetrics"},
                                                    {"StreamImages", "ListImages"}};
  std::size_t found = 0;
  for (int s = 0; s < file->service_count(); ++s) {
    for (int m = 0; m < file->service(s)->method_count(); ++m) {
      const auto* stream = file->service(s)->method(m);
      if (!stream->server_streaming() || stream->name() == "GetContainerEvents") continue;
      INFO(stream->name());
      ++found;
      const auto* list = file->service(s)->FindMethodByName(twins.at(stream->name()));
      REQUIRE(list != nullptr);
      const auto* asked = stream->input_type();
      REQUIRE(asked->field_count() == list->input_type()->field_count());
      for (int i = 0; i < asked->field_count(); ++i) {
        CHECK(asked->field(i)->number() == list->input_type()->field(i)->number());
        CHECK(asked->field(i)->message_type() == list->input_type()->field(i)->message_type());
      }
      REQUIRE(stream->output_type()->field_count() == 1);
      REQUIRE(list->output_type()->field_count() == 1);
      CHECK(stream->output_type()->field(0)->number() == 1);
      CHECK(list->output_type()->field(0)->number() == 1);
      CHECK(stream->output_type()->field(0)->message_type() == list->output_type()->field(0)->message_type());
    }
  }
  CHECK(found == twins.size());
}
