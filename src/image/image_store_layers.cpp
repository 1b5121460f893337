// SPDX-License-Identifier: Apache-2.0
// Layers of pulls in flight.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/cat.hpp"
#include "base/dir.hpp"
#include "base/failpoint.hpp"
#include "image/image_store_disk.hpp"

namespace berth::image {
namespace {

// A layer whose pull failed elsewhere waits this long for the next try.
constexpr std::chrono::hours kStaleAfter{1};
// Between two rounds of writing back: short pulls profit, and in long ones no more is asked of the disk than
// the kernel asks by itself.
constexpr std::chrono::milliseconds kFirstPause{300}, kLongestPause{5000};

Result<void> make_staging(const std::string& directory) {
  RETURN_IF_ERROR(make_dirs(directory, 0700));
  const std::string files = directory + "/fs";
  RETURN_IF_ERROR(make_dirs(files, 0755));
  // Whatever the umask was: it may become the root of a container.
  if (::chmod(files.c_str(), 0755) != 0) return Error::from_errno(errno, "set the mode of", files);
  return {};
}

}  // namespace

/// Where a chain is unpacked: a damaged layer stays in use meanwhile.
std::map<std::string, DiskImageStore::LayerEntry>& DiskImageStore::slots(State& state,
                                                                         const std::string& chain_id) {
  const auto found = state.layers.find(chain_id);
  const bool damaged = found != state.layers.end() && found->second.damaged;
  return damaged || state.repairs.contains(chain_id) ? state.repairs : state.layers;
}

/// What a commit takes: the repaired layer before the damaged one. Null while there is neither.
DiskImageStore::LayerEntry* DiskImageStore::newest(State& state, const std::string& chain_id) {
  for (auto* entries : {&state.repairs, &state.layers}) {
    const auto found = entries->find(chain_id);
    if (found != entries->end() && found->second.layer) return &found->second;
  }
  return nullptr;
}

/// The entry of exactly this layer, staged or committed; null when it has gone.
const DiskImageStore::LayerEntry* DiskImageStore::entry_of(const State& state, const Layer& layer) {
  for (const auto* entries : {&state.repairs, &state.layers}) {
    const auto found = entries->find(layer.chain_id);
    const bool same = found != entries->end() && found->second.layer && found->second.number == layer.number;
    if (same) return &found->second;
  }
  return nullptr;
}

Result<ImageStore::LayerSlot> DiskImageStore::reserve_layer(const std::string& chain_id,
                                                            std::stop_token cancel) {
  RETURN_IF_ERROR(Digest::parse(chain_id));
  LayerSlot slot;
  {
    auto state = state_.lock();
    const auto decided = [&] {
      const auto& entries = slots(*state, chain_id);
      const auto found = entries.find(chain_id);
      return found == entries.end() || found->second.stage != LayerEntry::Stage::kReserved;
    };
    if (!reserved_changed_.wait(state.lock(), cancel, decided))
      return Error(Code::kCancelled, "the caller has gone");
    drop_stale(*state, state->layers);
    drop_stale(*state, state->repairs);
    LayerEntry& entry = slots(*state, chain_id)[chain_id];
    if (entry.layer) {
      entry.staged_at = std::chrono::steady_clock::now();
      slot.ready = entry.layer;
      return slot;
    }
    entry.number = state->next_number++;
    slot.staging_dir = layout_.staged(entry.number);
    if (!state->writing_back) state->writing_back = flusher_.try_post([this] { write_back(); });
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
  auto& entries = slots(*state, chain_id);
  const auto found = entries.find(chain_id);
  if (found == entries.end() || found->second.stage != LayerEntry::Stage::kReserved) {
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
  auto& entries = slots(*state, chain_id);
  const auto found = entries.find(chain_id);
  // What is complete stays for a while: another pull may count on it, and a retry is likely.
  if (found == entries.end() || found->second.stage != LayerEntry::Stage::kReserved) return;
  const std::string directory = layout_.staged(found->second.number);
  entries.erase(found);
  reserved_changed_.notify_all();
  delete_later(directory);
}

/// While layers are being unpacked, the disk takes in what there is of them: the commit's sync, which
/// somebody waits for, then finds little left to do.
void DiskImageStore::write_back() {
  // Its own: the kernel tells a descriptor of each failed write once, and the commit must hear of all.
  const UniqueFd root(::open(layout_.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (auto pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    {
      auto state = state_.lock();
      const auto is_reserved = [](const auto& entry) {
        return entry.second.stage == LayerEntry::Stage::kReserved;
      };
      const auto done = [&] {
        return std::none_of(state->layers.begin(), state->layers.end(), is_reserved) &&
               std::none_of(state->repairs.begin(), state->repairs.end(), is_reserved);
      };
      const bool is_done = reserved_changed_.wait_for(state.lock(), closing_.get_token(), pause, done);
      if (is_done || closing_.stop_requested()) {
        state->writing_back = false;
        return;
      }
    }
    (void)::syncfs(root.get());
  }
}

void DiskImageStore::drop_stale(const State& state, std::map<std::string, LayerEntry>& entries) {
  const auto now = std::chrono::steady_clock::now();
  for (auto entry = entries.begin(); entry != entries.end();) {
    const LayerEntry& layer = entry->second;
    const bool unused =
        layer.stage == LayerEntry::Stage::kStaged && !layer.committing && !is_held(state, layer.number);
    const bool stale = unused && now - layer.staged_at > kStaleAfter;
    if (stale) delete_later(layer.moved ? layout_.layer(layer.number) : layout_.staged(layer.number));
    entry = stale ? entries.erase(entry) : std::next(entry);
  }
}

}  // namespace berth::image
