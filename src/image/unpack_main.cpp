// SPDX-License-Identifier: Apache-2.0
// berth-unpack: one layer, from bytes to files, in a process that can do nothing else. Run by the
// daemon: fd 0 compressed bytes, fd 1 the report, fd 3 the empty target directory, fd 4 and up the
// layers below, topmost first.
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "image/byte_source.hpp"
#include "image/decompress.hpp"
#include "image/layer_apply.hpp"
#include "image/read_ahead.hpp"
#include "image/unpack_report.hpp"
#include "image/unpack_sandbox.hpp"

namespace {

using namespace berth;
using namespace berth::image;

constexpr int kTargetFd = 3;
constexpr int kMaxLowers = 500;

struct Options {
  std::uint64_t lowers = 0, incomplete = 0, max_bytes = 0, max_entries = 0;
};

Result<Options> parse_options(int argc, char** argv) {
  Options options;
  const std::pair<std::string_view, std::uint64_t*> known[] = {{"--lowers=", &options.lowers},
                                                               {"--incomplete=", &options.incomplete},
                                                               {"--max-bytes=", &options.max_bytes},
                                                               {"--max-entries=", &options.max_entries}};
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    bool taken = false;
    for (const auto& [name, value] : known) {
      if (!arg.starts_with(name)) continue;
      const auto [end, err] = std::from_chars(arg.data() + name.size(), arg.data() + arg.size(), *value);
      taken = err == std::errc() && end == arg.data() + arg.size();
    }
    if (!taken) return Error(Code::kInvalidArgument, cat("berth-unpack: what is ", arg, "?"));
  }
  if (options.lowers > kMaxLowers)
    return Error(Code::kInvalidArgument, cat("more than ", kMaxLowers, " layers"));
  return options;
}

Result<std::unique_ptr<ByteSource>> shut_in(ByteSource& input) {
  // Before the sandbox shuts: hashing loads what it needs of its library here.
  (void)sha256("");
  RETURN_IF_ERROR(enter_unpack_sandbox(kTargetFd));
  return decompress(input);
}

Result<LayerSink::Applied> apply(const LayerTarget& target, HashingSource& hashed, ReadAhead& plain) {
  TarReader tar(plain);
  ASSIGN_OR_RETURN(const LayerTotals totals, apply_layer(tar, target));
  // The digest covers what follows the end of the archive, too.
  while (true) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> rest, plain.next());
    if (rest.empty()) break;
  }
  ASSIGN_OR_RETURN(Digest diff_id, hashed.finish());
  return LayerSink::Applied{std::move(diff_id), totals.bytes, totals.inodes};
}

[[noreturn]] void end(const Result<LayerSink::Applied>& outcome) {
  const auto written = write_fd(STDOUT_FILENO, format_unpack_report(outcome), "the report");
  ::_exit(outcome && written ? 0 : 1);
}

[[noreturn]] void unpack(const Options& options) {
  LayerTarget target;
  target.root = kTargetFd;
  target.lowers_complete = options.incomplete == 0;
  for (int i = 0; i < static_cast<int>(options.lowers); ++i) target.lowers.push_back(kTargetFd + 1 + i);
  if (options.max_bytes != 0) target.max_bytes = options.max_bytes;
  if (options.max_entries != 0) target.max_entries = options.max_entries;

  FdSource input(STDIN_FILENO);
  const auto inflated = shut_in(input);
  if (!inflated) end(inflated.error());
  HashingSource hashed(**inflated, target.max_bytes);
  ReadAhead plain(hashed);
  // Without a return: the thread that reads ahead may wait for bytes that will not come.
  end(apply(target, hashed, plain));
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = parse_options(argc, argv);
  if (!options) end(options.error());
  unpack(*options);
}
