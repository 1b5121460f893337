// SPDX-License-Identifier: Apache-2.0
// The image store on a disk whose power is cut: from that moment on no write reaches it.
#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <set>
#include <sstream>

#include "../unit/image/store_fixture.hpp"
#include "base/subprocess.hpp"
#include "image_layers_fixture.hpp"

namespace berth::image {
namespace {

bool run(std::vector<std::string> argv) {
  SpawnRequest request;
  request.program = "/usr/bin/env";
  request.argv = std::move(argv);
  request.argv.insert(request.argv.begin(), "env");
  request.env = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
  const auto done =
      run_to_end(request, "", 1 << 16, std::chrono::steady_clock::now() + std::chrono::seconds(60));
  return done && done->wait_status == 0;
}

/// A journalled file system in a file.
class Disk {
 public:
  explicit Disk(const std::string& directory) : file_(directory + "/disk"), place_(directory + "/mounted") {}
  ~Disk() { (void)run({"umount", place_}); }
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  bool make() {
    return make_dirs(place_, 0755) && run({"truncate", "-s", "160M", file_}) &&
           run({"mkfs.ext4", "-q", "-E", "lazy_itable_init=0", file_}) && mount();
  }
  bool mount() { return run({"mount", "-o", "loop", file_, place_}); }
  bool unmount() { return run({"umount", place_}); }
  /// Neither what waits in memory nor what the journal has not got will ever be on the disk.
  bool cut_power() const {
    const unsigned long kShutdown = _IOR('X', 125, std::uint32_t);  // of ext4, XFS and F2FS
    std::uint32_t without_log_flush = 2;
    const auto fd = open_at(kCwd, place_, O_RDONLY | O_DIRECTORY);
    return fd && ::ioctl(fd->get(), kShutdown, &without_log_flush) == 0;
  }
  const std::string& place() const { return place_; }

 private:
  std::string file_, place_;
};

/// What a program that works for ever had said when its power was cut.
struct Said {
  std::set<int> has, removes;
};

Said work_until_power_cut(const Disk& disk, int first, int lines, std::chrono::microseconds later) {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  UniqueFd output(ends[0]), input(ends[1]);
  SpawnRequest request;
  request.program = STORE_CRASH_CHILD;
  request.argv = {"store_crash_child", disk.place(), "for ever", std::to_string(first)};
  request.fds = {{input.get(), 1}};
  request.new_session = true;
  auto child = Subprocess::spawn(request);
  REQUIRE(child);
  input.reset();
  std::string text;
  const auto take = [&] {
    char buffer[256];
    const ssize_t got = ::read(output.get(), buffer, sizeof buffer);
    if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  };
  while (std::count(text.begin(), text.end(), '\n') < lines && take()) {
  }
  ::usleep(static_cast<useconds_t>(later.count()));
  REQUIRE(disk.cut_power());
  child->kill_group_and_reap();
  while (take()) {
  }
  Said said;
  std::istringstream words(text);
  std::string word;
  for (int number = 0; words >> word >> number;) (word == "has" ? said.has : said.removes).insert(number);
  REQUIRE(said.has.size() > 0);
  return said;
}

TEST_CASE("after a power cut every listed image is whole, and none that was committed is missing",
          "[image][store]") {
  if (!enter_test_node()) return;
  const LayerBench bench;
  Disk disk(bench.root());
  if (!disk.make()) {
    std::cout << "SKIP: no ext4 on a loop device here\n";
    return;
  }
  const StoreFixture fixture(disk.place());
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const int first = round * 1000;
    const Said said =
        work_until_power_cut(disk, first, 3 + 2 * round, std::chrono::microseconds(3'700 * round));
    REQUIRE(disk.unmount());
    REQUIRE(disk.mount());
    const auto store = fixture.open();
    for (const int number : said.has) {
      INFO("round " << round << ", image " << number);
      const ImagePtr image = store->find(cat("n", number));
      if (said.removes.count(number) == 0) CHECK(image);
    }
    for (const ImagePtr& image : store->list()) {
      const int number = std::stoi(image->repo_tags.at(0).substr(std::string("docker.io/library/n").size()));
      INFO("round " << round << ", image " << number);
      const auto layers = StoreFixture::large_layers(number);
      REQUIRE(image->layers.size() == layers.size());
      for (std::size_t i = 0; i < layers.size(); ++i) {
        const bool is_whole = StoreFixture::content(*store, image->layers[i]) == layers[i];
        CHECK(is_whole);  // they are too long to be printed
      }
      REQUIRE(store->remove(image->id));  // the disk is small
    }
  }
}

}  // namespace
}  // namespace berth::image
