// SPDX-License-Identifier: Apache-2.0
#include "daemon/state/object_store.hpp"

#include <catch2/catch.hpp>

#include "daemon/state/container.hpp"
#include "daemon/state/pod_sandbox.hpp"
#include "messages.hpp"

using namespace berth;
using namespace berth::daemon;
using namespace berth::daemon::testing;

namespace {

struct Thing {
  std::string id_, name_;
  const std::string& id() const { return id_; }
  std::string name_key() const { return name_; }
};

std::shared_ptr<Thing> thing(std::string id, std::string name) {
  return std::make_shared<Thing>(Thing{std::move(id), std::move(name)});
}

}  // namespace

TEST_CASE("A prefix finds its object as long as it is the only one; a full ID always does") {
  ObjectStore<Thing> store("thing");
  const auto a = thing("abc", "x");
  const auto b = thing("abcdef", "y");
  const auto c = thing("abd", "z");
  for (const auto& object : {a, b, c}) store.insert(object);
  CHECK(*store.find("abc") == a);  // also the beginning of another
  CHECK(*store.find("abcd") == b);
  CHECK(*store.find("abd") == c);
  CHECK(has_code(store.find("ab"), Code::kInvalidArgument));
  CHECK(refusal(store.find("a")) == "thing ID \"a\" is ambiguous");
}

TEST_CASE("Unknown IDs are not found, whether they sort before, between or behind the known ones") {
  ObjectStore<Thing> store("thing");
  CHECK(refusal(store.find("a")) == "thing \"a\" does not exist");
  store.insert(thing("bbb", "x"));
  store.insert(thing("ddd", "y"));
  for (const char* id : {"aaa", "bbbb", "ccc", "eee", "\xff", "BBB", "bbb "}) {
    INFO(id);
    CHECK(has_code(store.find(id), Code::kNotFound));
  }
  CHECK(has_code(store.find(""), Code::kInvalidArgument));
  CHECK(refusal(store.find("")) == "the ID of the thing is empty");
}

TEST_CASE("Erasing an object leaves a newer one of the same name alone") {
  ObjectStore<Thing> store("thing");
  const auto old_one = thing("1", "name");
  const auto new_one = thing("2", "name");
  store.insert(old_one);
  store.insert(new_one);
  CHECK(store.find_name("name") == new_one);
  store.erase(old_one);
  CHECK(store.find_name("name") == new_one);
  CHECK(has_code(store.find("1"), Code::kNotFound));
  store.erase(new_one);
  store.erase(new_one);
  CHECK(store.find_name("name") == nullptr);
  CHECK(store.list().empty());
}

TEST_CASE("The list is in the order of IDs and is the caller's own") {
  ObjectStore<Thing> store("thing");
  for (const char* id : {"c", "a", "b"}) store.insert(thing(id, id));
  const auto list = store.list();
  store.erase(list[0]);
  REQUIRE(list.size() == 3);
  CHECK(list[0]->id() == "a");
  CHECK(list[2]->id() == "c");
  CHECK(store.list().size() == 2);
}

TEST_CASE("Names of pods and containers differ when any part of them does") {
  const auto base = proto<cri::PodSandboxMetadata>("name: 'a' namespace: 'b' uid: 'c' attempt: 1");
  CHECK(pod_name_key(base) == "b/a/c/1");
  for (const char* change : {"name: 'x'", "namespace: 'x'", "uid: 'x'", "attempt: 2"}) {
    auto other = base;
    other.MergeFrom(proto<cri::PodSandboxMetadata>(change));
    CHECK(pod_name_key(other) != pod_name_key(base));
  }
  const auto name = proto<cri::ContainerMetadata>("name: 'a' attempt: 1");
  CHECK(container_name_key("p", name) == "p/a/1");
  CHECK(container_name_key("p", name) != container_name_key("q", name));
  CHECK(container_name_key("p", name) !=
        container_name_key("p", proto<cri::ContainerMetadata>("name: 'a' attempt: 11")));
}
