// SPDX-License-Identifier: Apache-2.0
#include "workers.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>

namespace berth::bench {

double timed(const std::function<void()>& work) {
  const auto began = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

Samples run_workers(int workers, int total, const std::function<void(int)>& work) {
  std::atomic<int> next = 0;
  std::mutex mutex;
  Samples all;
  std::exception_ptr failure;
  auto loop = [&] {
    Samples mine;
    try {
      for (int index = next++; index < total; index = next++) mine.add(timed([&] { work(index); }));
    } catch (...) {
      next = total;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
    const std::lock_guard lock(mutex);
    all.add(mine);
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < workers; ++i) threads.emplace_back(loop);
  }
  if (failure) std::rethrow_exception(failure);
  return all;
}

}  // namespace berth::bench
