// SPDX-License-Identifier: Apache-2.0
// Layers of pulls in flight.
#include <sys/stat.h>

#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/failpoint.hpp"
#include "image/image_store_disk.hpp"

namespace berth::image {
namespace {

// A layer whose pull failed elsewhere waits this long for the next try.
constexpr std::chrono::hours kStaleAfter{1};

Result<void> make_staging(const std::string& directory) {
  RETURN_IF_ERROR(make_dirs(directory, 0700));
  const std::string files = directory + "/fs";
  RETURN_IF_ERROR(make_dirs(files, 0755));
  // Whatever the umask was: it may become the root of a container.
  if (::chmod(files.c_str(), 0755) != 0) return Error::from_errno(errno, "set the mode of", files);
  return {};
}

}  // namespace

Result<ImageStore::LayerSlot> DiskImageStore::reserve_layer(const std::string& chain_id,
                                                            std::stop_token cancel) {
  RETURN_IF_ERROR(Digest::parse(chain_id));
  LayerSlot slot;
  {
    auto state = state_.lock();
    const auto decided = [&] {
      const auto found = state->layers.find(chain_id);
      return found == state->layers.end() || found->second.stage != LayerEntry::Stage::kReserved;
    };
    if (!reserved_changed_.wait(state.lock(), cancel, decided))
      return Error(Code::kCancelled, "the caller has gone");
    drop_stale(*state);
    LayerEntry& entry = state->layers[chain_id];
    if (entry.layer) {
      entry.staged_at = std::chrono::steady_clock::now();
      slot.ready = entry.layer;
      return slot;
    }
    entry.number = state->next_number++;
    slot.staging_dir = layout_.staged(entry.number);
  }
  auto made = make_staging(slot.staging_dir);
  if (made) return slot;
  abandon_layer(chain_id);
  return std::move(made).error();
}

Result<void> DiskImageStore::stage_layer(const std::string& chain_id, const Digest& diff_id,
                                         std::uint64_t size, std::uint64_t inodes) {
  if (failpoint("image.stage")) return Error(Code::kInternal, "failpoint image.stage");
  auto state = state_.lock();
  const auto found = state->layers.find(chain_id);
  if (found == state->layers.end() || found->second.stage != LayerEntry::Stage::kReserved) {
    return Error(Code::kFailedPrecondition, cat("layer ", chain_id, " was not reserved"));
  }
  LayerEntry& entry = found->second;
  entry.layer = Layer{entry.number, diff_id, chain_id, size, inodes};
  entry.stage = LayerEntry::Stage::kStaged;
  entry.staged_at = std::chrono::steady_clock::now();
  reserved_changed_.notify_all();
  return {};
}

void DiskImageStore::abandon_layer(const std::string& chain_id) {
  auto state = state_.lock();
  const auto found = state->layers.find(chain_id);
  // What is complete stays for a while: another pull may count on it, and a retry is likely.
  if (found == state->layers.end() || found->second.stage != LayerEntry::Stage::kReserved) return;
  const std::string directory = layout_.staged(found->second.number);
  state->layers.erase(found);
  reserved_changed_.notify_all();
  delete_later(directory);
}

void DiskImageStore::drop_stale(State& state) {
  const auto now = std::chrono::steady_clock::now();
  for (auto entry = state.layers.begin(); entry != state.layers.end();) {
    const LayerEntry& layer = entry->second;
    const bool unused =
        layer.stage == LayerEntry::Stage::kStaged && !layer.committing && !is_held(state, layer.number);
    const bool stale = unused && now - layer.staged_at > kStaleAfter;
    if (stale) delete_later(layer.moved ? layout_.layer(layer.number) : layout_.staged(layer.number));
    entry = stale ? state.layers.erase(entry) : std::next(entry);
  }
}

}  // namespace berth::image
