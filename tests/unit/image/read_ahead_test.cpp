// SPDX-License-Identifier: Apache-2.0
#include "image/read_ahead.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace berth::image {
namespace {

/// Gives `pieces` bytes one by one, then an error or the end.
class Source final : public ByteSource {
 public:
  Source(std::size_t pieces, bool fails) : left_(pieces), fails_(fails) {}
  Result<std::span<const std::byte>> next() override {
    if (left_ == 0 && fails_) return Error(Code::kFailedPrecondition, "damaged");
    if (left_ == 0) return std::span<const std::byte>();
    byte_ = static_cast<std::byte>(left_-- % 251);
    return std::span<const std::byte>(&byte_, 1);
  }

 private:
  std::size_t left_;
  bool fails_;
  std::byte byte_{};
};

std::string read_all(ByteSource& source) {
  std::string all;
  while (true) {
    const auto data = source.next();
    if (!data) return all + "error: " + data.error().to_string();
    if (data->empty()) return all;
    all.append(reinterpret_cast<const char*>(data->data()), data->size());
  }
}

}  // namespace

TEST_CASE("what is read ahead comes in order, and its end is the end for ever") {
  for (const std::size_t pieces : {0U, 1U, 3U, 4U, 5U, 10'000U}) {
    INFO(pieces);
    Source plain(pieces, false);
    Source other(pieces, false);
    ReadAhead ahead(other);
    CHECK(read_all(ahead) == read_all(plain));
    CHECK(ahead.next()->empty());
    CHECK(ahead.next()->empty());
    // The thread has ended: the source may be read here.
    CHECK(other.next()->empty());
  }
}

TEST_CASE("an error comes after the bytes before it, and again when asked again") {
  Source source(7, true);
  ReadAhead ahead(source);
  CHECK(read_all(ahead) == std::string("\7\6\5\4\3\2\1") + "error: damaged");
  CHECK(read_all(ahead) == "error: damaged");
}

TEST_CASE("a reader that leaves early is not waited for") {
  Source source(SIZE_MAX, false);
  ReadAhead ahead(source);
  CHECK(ahead.next()->size() == 1);
}

}  // namespace berth::image
