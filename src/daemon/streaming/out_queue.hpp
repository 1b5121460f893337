// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace berth::daemon::streaming {

/// Bytes on their way to the client. Whoever fills it looks at size() first: it has no limit of its own.
class OutQueue {
 public:
  void add(std::string_view bytes) { bytes_.append(bytes); }
  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }
  std::string_view pending() const { return std::string_view(bytes_).substr(sent_); }
  void sent(std::size_t count) {
    sent_ += count;
    if (sent_ == bytes_.size()) {
      bytes_.clear();  // and keeps its memory: the next round is as large
      sent_ = 0;
    } else if (sent_ > kMaxSent) {
      bytes_.erase(0, sent_);
      sent_ = 0;
    }
  }

 private:
  static constexpr std::size_t kMaxSent = 1 << 20;
  std::string bytes_;
  std::size_t sent_ = 0;
};

}  // namespace berth::daemon::streaming
