// SPDX-License-Identifier: Apache-2.0
#include "image/layer_batch.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/cat.hpp"
#include "base/failpoint.hpp"
#include "base/metrics.hpp"

namespace berth::image {
namespace {

constexpr int kReserveAttempts = 10;

bool needs_lower(const Error& error) {
  return error.code() == Code::kFailedPrecondition &&
         error.to_string().find(kNeedsLowerLayer) != std::string::npos;
}

}  // namespace

bool LayerBatch::is_done(Progress progress) {
  return progress == Progress::kReady || progress == Progress::kStaged;
}

/// Shared with the lane's tasks, which may begin after the batch has gone.
struct LayerBatch::Round {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::stop_source stop;
  std::optional<Error> error;  // the first
  std::size_t left = 0;        // jobs that have not ended
  std::size_t running = 0;
  bool closed = false;

  void fail(Error problem) {
    if (!error) error = std::move(problem);
    stop.request_stop();
  }
};

LayerBatch::LayerBatch(ImageStore& store, const SinkFactory& sinks, const std::string& unpack_program,
                       const ContentSource& source, PullProgress& watched)
    : store_(store),
      sinks_(sinks),
      unpack_program_(unpack_program),
      source_(source),
      watched_(watched),
      hold_key_("pull:" + random_id()) {}

LayerBatch::~LayerBatch() {
  if (!kept_) {
    auto progress = progress_.lock();
    for (std::size_t at = 0; at < progress->size(); ++at) {
      if ((*progress)[at] == Progress::kStaged) store_.abandon_layer(jobs_[at].chain_id);
    }
  }
  store_.release_layers(hold_key_);
}

void LayerBatch::add(const Descriptor& blob, const Digest& diff_id, const std::string& chain_id) {
  jobs_.push_back({blob, diff_id, chain_id});
  progress_.lock()->push_back(Progress::kWaiting);
}

std::vector<std::size_t> LayerBatch::unfinished() {
  std::vector<std::size_t> jobs;
  auto progress = progress_.lock();
  for (std::size_t at = 0; at < progress->size(); ++at) {
    if (!is_done((*progress)[at])) jobs.push_back(at);
  }
  return jobs;
}

Result<void> LayerBatch::run(Lane& lane, std::stop_token cancel) {
  RETURN_IF_ERROR(run_round(lane, unfinished(), cancel));
  // From the bottom, one by one: then everything below is there for sure.
  for (const std::size_t at : unfinished()) RETURN_IF_ERROR(run_round(lane, {at}, cancel));
  if (!unfinished().empty())
    return Error(Code::kInternal, "a layer asks for layers below it that are all there");
  return {};
}

Result<void> LayerBatch::run_round(Lane& lane, const std::vector<std::size_t>& jobs, std::stop_token cancel) {
  auto round = std::make_shared<Round>();
  round->left = jobs.size();
  for (const std::size_t at : jobs) {
    const bool posted = lane.try_post([this, at, round] {
      {
        std::lock_guard lock(round->mutex);
        if (round->closed) return;
        ++round->running;
      }
      auto progress = install(at, round->stop.get_token());
      if (progress) (*progress_.lock())[at] = *progress;
      std::lock_guard lock(round->mutex);
      --round->running;
      --round->left;
      if (!progress) round->fail(std::move(progress).error());
      round->changed.notify_all();
    });
    std::lock_guard lock(round->mutex);
    if (!posted) round->fail(Error(Code::kResourceExhausted, "too many layers are waiting"));
    if (round->error) break;
  }
  std::unique_lock lock(round->mutex);
  round->changed.wait(lock, cancel, [&] { return round->left == 0 || round->error.has_value(); });
  if (round->left > 0 && !round->error) round->fail(Error(Code::kCancelled, "the caller has gone"));
  round->closed = true;
  round->changed.wait(lock, [&] { return round->running == 0; });
  return round->error ? Result<void>(*round->error) : Result<void>();
}

std::optional<std::vector<std::string>> LayerBatch::lower_dirs(std::size_t at, std::stop_token cancel) {
  {
    auto progress = progress_.lock();
    if (!std::all_of(progress->begin(), progress->begin() + static_cast<std::ptrdiff_t>(at), is_done))
      return std::nullopt;
  }
  std::vector<std::string> lowers;
  while (at-- > 0) {
    const auto slot = store_.reserve_layer(jobs_[at].chain_id, cancel);
    if (slot && !slot->ready) store_.abandon_layer(jobs_[at].chain_id);
    if (!slot || !slot->ready) return std::nullopt;
    lowers.push_back(store_.layer_dir(*slot->ready));
  }
  return lowers;
}

Result<LayerBatch::Progress> LayerBatch::install(std::size_t at, std::stop_token cancel) {
  const Job& job = jobs_[at];
  const std::string frame = cat("fetch layer ", job.blob.digest.text());
  for (int attempt = 0; attempt < kReserveAttempts; ++attempt) {
    auto slot = store_.reserve_layer(job.chain_id, cancel);
    if (!slot) return std::move(slot).context(frame).error();
    if (!slot->ready) {
      auto progress = unpack(at, slot->staging_dir + "/fs", cancel);
      if (!progress || *progress != Progress::kStaged) store_.abandon_layer(job.chain_id);
      return std::move(progress).context(frame);
    }
    auto held = store_.hold_layers(hold_key_, {*slot->ready});
    if (held) {
      watched_.set(at, LayerProgress::State::kThere);
      metrics::count("image_layers", "there");
      return Progress::kReady;
    }
    // Its last image was removed a moment ago: then it is ours to fetch.
    if (held.error().code() != Code::kNotFound) return std::move(held).context(frame).error();
  }
  return Error(Code::kUnavailable, cat(frame, ": the layer vanishes as fast as it appears"));
}

Result<LayerBatch::Progress> LayerBatch::unpack(std::size_t at, const std::string& directory,
                                                std::stop_token cancel) {
  const Job& job = jobs_[at];
  watched_.set(at, LayerProgress::State::kFetching);
  const auto lowers = lower_dirs(at, cancel);
  UnpackRequest request;
  request.program = unpack_program_;
  request.target_dir = directory;
  request.lower_dirs = lowers.value_or(std::vector<std::string>());
  request.lowers_complete = lowers.has_value();
  ASSIGN_OR_RETURN(const auto sink, sinks_(request, cancel));
  auto applied = stream(at, *sink, cancel);
  if (cancel.stop_requested()) return Error(Code::kCancelled, "the caller has gone");
  if (!applied && needs_lower(applied.error()) && !lowers) return Progress::kNeedsLowers;
  if (!applied) return std::move(applied).error();
  if (applied->diff_id != job.diff_id) {
    return Error(Code::kFailedPrecondition, cat("the unpacked layer is ", applied->diff_id.text(),
                                                ", the image config says ", job.diff_id.text()));
  }
  if (failpoint("pull-stage-layer")) return Error(Code::kInternal, "failpoint");
  RETURN_IF_ERROR(store_.stage_layer(job.chain_id, job.diff_id, applied->size, applied->inodes));
  watched_.set(at, LayerProgress::State::kUnpacked);
  metrics::count("image_layers", "unpacked");
  return Progress::kStaged;
}

Result<LayerSink::Applied> LayerBatch::stream(std::size_t at, LayerSink& sink, std::stop_token cancel) const {
  const BlobReader write = [&](std::span<const std::byte> data) {
    watched_.add(at, data.size());
    metrics::count("image_layer_bytes", "fetched", data.size());
    return sink.write(data);
  };
  RETURN_IF_ERROR(source_.read_blob(jobs_[at].blob, write, cancel));
  return sink.finish();
}

}  // namespace berth::image
