// SPDX-License-Identifier: Apache-2.0
#include "netcni/conf_watcher.hpp"

#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/cat.hpp"

namespace berth::netcni {
namespace {

// Long enough for a writer that replaces several files, too short for anybody to notice.
constexpr std::chrono::milliseconds kSettle{50};
// How often to look where inotify cannot (its watches are a limited resource of the host).
constexpr std::chrono::milliseconds kPoll{5000};

constexpr std::uint32_t kMask = IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE |
                                IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
constexpr std::uint32_t kAlwaysRelevant = IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_Q_OVERFLOW;

std::vector<std::string> components_of(std::string_view path) {
  std::vector<std::string> components;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    if (slash != 0) components.emplace_back(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return components;
}

}  // namespace

Result<std::unique_ptr<ConfWatcher>> ConfWatcher::start(std::vector<std::string> dirs, Reactor& reactor,
                                                        std::function<void()> on_change) {
  std::unique_ptr<ConfWatcher> watcher(new ConfWatcher(std::move(dirs), reactor, std::move(on_change)));
  watcher->inotify_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watcher->inotify_) return Error::from_errno(errno, "create", "an inotify instance");
  ASSIGN_OR_RETURN(watcher->token_,
                   reactor.watch(watcher->inotify_.get(), EPOLLIN,
                                 [raw = watcher.get()](std::uint32_t) { raw->on_events(); }));
  return watcher;
}

ConfWatcher::ConfWatcher(std::vector<std::string> dirs, Reactor& reactor, std::function<void()> on_change)
    : dirs_(std::move(dirs)), reactor_(reactor), on_change_(std::move(on_change)) {}

ConfWatcher::~ConfWatcher() {
  stop();
}

void ConfWatcher::stop() {
  reactor_.remove(token_);
  Reactor::Token timer = 0;
  {
    auto state = state_.lock();
    state->stopped = true;  // rearm() sets no timer any more
    timer = state->timer;
  }
  reactor_.remove(timer);  // without the lock, as it waits for the callback
}

void ConfWatcher::rearm() {
  std::map<int, Interest> watched;
  bool blind = false;
  for (const std::string& dir : dirs_) {
    const std::vector<std::string> components = components_of(dir);
    std::string path = "/";
    for (std::size_t i = 0;; ++i) {
      // The parent is watched already, so if this one appears right now, that is an event.
      const int wd = ::inotify_add_watch(inotify_.get(), path.c_str(), kMask);
      if (wd < 0) {
        blind = blind || (errno != ENOENT && errno != ENOTDIR);
        break;
      }
      if (i == components.size()) {
        watched[wd].everything = true;
        break;
      }
      watched[wd].names.insert(components[i]);
      path += cat(i == 0 ? "" : "/", components[i]);
    }
  }
  std::map<int, Interest> previous;
  {
    auto state = state_.lock();
    previous = std::exchange(state->watched, watched);
  }
  for (const auto& [wd, interest] : previous) {
    if (!watched.contains(wd)) ::inotify_rm_watch(inotify_.get(), wd);  // fails where the directory is gone
  }
  if (!blind) return;
  auto state = state_.lock();
  if (!state->pending) schedule(*state, kPoll);
}

void ConfWatcher::on_events() {
  if (!drain()) return;
  auto state = state_.lock();
  if (state->pending && !state->polling) return;
  reactor_.remove(state->timer);  // on the reactor's own thread this does not wait
  schedule(*state, kSettle);
}

/// True when one of the pending events matters.
bool ConfWatcher::drain() {
  alignas(inotify_event) std::array<char, 8192> buffer{};
  bool relevant = false;
  auto state = state_.lock();
  for (;;) {
    const ssize_t got = ::read(inotify_.get(), buffer.data(), buffer.size());
    if (got <= 0) return relevant;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* const name = buffer.data() + at + sizeof(event);
      at += sizeof(event) + event.len;
      if ((event.mask & IN_IGNORED) != 0) continue;
      const auto found = state->watched.find(event.wd);
      // A watch that is not known yet is one that rearm() is just about to announce.
      const bool known = found != state->watched.end();
      relevant = relevant || (event.mask & kAlwaysRelevant) != 0 || !known || found->second.everything ||
                 (event.len > 0 && found->second.names.contains(name));
    }
  }
}

void ConfWatcher::schedule(State& state, std::chrono::milliseconds delay) {
  if (state.stopped) return;
  state.pending = true;
  state.polling = delay == kPoll;
  state.timer = reactor_.after(delay, [this] {
    state_.lock()->pending = false;
    on_change_();
  });
}

}  // namespace berth::netcni
