// SPDX-License-Identifier: Apache-2.0
#include "base/reactor.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "base/thread.hpp"
#include "base/unique_fd.hpp"

namespace berth {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Reactor::Token kWakeToken = 0;

struct Watch {
  int fd = -1;
  std::function<void(std::uint32_t)> callback;
};

struct Timer {
  Clock::time_point when;
  std::function<void()> callback;
};

}  // namespace

struct Reactor::State {
  UniqueFd epoll;
  UniqueFd wake;  // eventfd: a post, a new earliest timer, or the end

  std::mutex mutex;
  std::condition_variable finished;  // a callback has returned and its object is destroyed
  std::map<Token, std::shared_ptr<Watch>> watches;
  std::map<Token, Timer> timers;
  std::set<std::pair<Clock::time_point, Token>> due;  // earliest first
  std::vector<std::function<void()>> posts;
  Token next_token = kWakeToken + 1;  // never reused: an event of a removed watch finds nothing
  Token running = kWakeToken;         // the token whose callback runs now
  bool stopping = false;
  std::thread thread;

  void loop();
  bool turn(std::array<epoll_event, 64>& events);
  int timeout();
  void dispatch(const epoll_event& event);
  void run_timers();
  void run_posts();
  void finish();
  void wake_up() const;
};

void Reactor::State::wake_up() const {
  const std::uint64_t one = 1;
  (void)!::write(wake.get(), &one, sizeof(one));  // fails only when it is readable anyway
}

void Reactor::State::loop() {
  std::array<epoll_event, 64> events{};
  while (turn(events)) {
  }
}

bool Reactor::State::turn(std::array<epoll_event, 64>& events) {
  const int count = ::epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), timeout());
  for (int i = 0; i < count; ++i) {
    {
      std::lock_guard lock(mutex);
      if (stopping) return false;
    }
    dispatch(events[static_cast<std::size_t>(i)]);
  }
  run_timers();
  run_posts();
  std::lock_guard lock(mutex);
  return !stopping;
}

int Reactor::State::timeout() {
  using std::chrono::milliseconds;
  std::lock_guard lock(mutex);
  if (stopping || !posts.empty()) return 0;
  if (due.empty()) return -1;
  const auto left = std::chrono::ceil<milliseconds>(due.begin()->first - Clock::now());
  return static_cast<int>(std::clamp(left, milliseconds(0), milliseconds(std::chrono::hours(1))).count());
}

void Reactor::State::dispatch(const epoll_event& event) {
  const Token token = event.data.u64;
  if (token == kWakeToken) {
    std::uint64_t count = 0;
    (void)!::read(wake.get(), &count, sizeof(count));
    return;
  }
  std::shared_ptr<Watch> watch;
  {
    std::lock_guard lock(mutex);
    const auto found = watches.find(token);
    if (found == watches.end()) return;
    watch = found->second;
    running = token;
  }
  watch->callback(event.events);
  watch.reset();  // if it was removed meanwhile, what it captured dies here, before finish()
  finish();
}

void Reactor::State::run_timers() {
  // Timers that callbacks set for "now" wait for the next turn, lest descriptors starve.
  const Clock::time_point now = Clock::now();
  for (;;) {
    std::function<void()> callback;
    {
      std::lock_guard lock(mutex);
      if (stopping || due.empty() || due.begin()->first > now) return;
      running = due.begin()->second;
      due.erase(due.begin());
      callback = std::move(timers.extract(running).mapped().callback);
    }
    callback();
    callback = nullptr;
    finish();
  }
}

void Reactor::State::run_posts() {
  std::vector<std::function<void()>> batch;
  {
    std::lock_guard lock(mutex);
    if (stopping) return;
    batch.swap(posts);
  }
  for (auto& callback : batch) {
    callback();
    callback = nullptr;
    std::lock_guard lock(mutex);
    if (stopping) return;
  }
}

void Reactor::State::finish() {
  std::lock_guard lock(mutex);
  running = kWakeToken;
  finished.notify_all();
}

Result<std::unique_ptr<Reactor>> Reactor::start() {
  auto state = std::make_unique<State>();
  state->epoll.reset(::epoll_create1(EPOLL_CLOEXEC));
  if (!state->epoll) return Error::from_errno(errno, "create", "an epoll instance");
  state->wake.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!state->wake) return Error::from_errno(errno, "create", "an eventfd");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kWakeToken;
  if (::epoll_ctl(state->epoll.get(), EPOLL_CTL_ADD, state->wake.get(), &event) != 0) {
    return Error::from_errno(errno, "watch", "an eventfd");
  }
  ASSIGN_OR_RETURN(state->thread, start_thread("reactor", [raw = state.get()] { raw->loop(); }));
  return std::unique_ptr<Reactor>(new Reactor(std::move(state)));
}

Reactor::Reactor(std::unique_ptr<State> state) : state_(std::move(state)) {}

Reactor::~Reactor() {
  {
    std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->wake_up();
  state_->thread.join();
}

Result<Reactor::Token> Reactor::watch(int fd, std::uint32_t events,
                                      std::function<void(std::uint32_t)> callback) {
  auto watch = std::make_shared<Watch>(Watch{fd, std::move(callback)});
  std::lock_guard lock(state_->mutex);
  const Token token = state_->next_token++;
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  if (::epoll_ctl(state_->epoll.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return Error::from_errno(errno, "watch descriptor", std::to_string(fd));
  }
  state_->watches.emplace(token, std::move(watch));
  return token;
}

void Reactor::remove(Token token) {
  // Destroyed last and without the lock, as what they captured may call us again.
  std::shared_ptr<Watch> watch;
  std::function<void()> timer;
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  if (auto node = state.watches.extract(token)) {
    watch = std::move(node.mapped());
    ::epoll_ctl(state.epoll.get(), EPOLL_CTL_DEL, watch->fd, nullptr);
  } else if (auto timer_node = state.timers.extract(token)) {
    state.due.erase({timer_node.mapped().when, token});
    timer = std::move(timer_node.mapped().callback);
  }
  if (std::this_thread::get_id() != state.thread.get_id()) {
    state.finished.wait(lock, [&] { return token == kWakeToken || state.running != token; });
  }
  lock.unlock();
}

Reactor::Token Reactor::at(std::chrono::steady_clock::time_point when, std::function<void()> callback) {
  std::lock_guard lock(state_->mutex);
  const Token token = state_->next_token++;
  state_->timers.emplace(token, Timer{when, std::move(callback)});
  state_->due.emplace(when, token);
  if (state_->due.begin()->second == token) state_->wake_up();
  return token;
}

void Reactor::post(std::function<void()> callback) {
  std::lock_guard lock(state_->mutex);
  state_->posts.push_back(std::move(callback));
  if (state_->posts.size() == 1) state_->wake_up();
}

}  // namespace berth
