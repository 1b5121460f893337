// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/cat.hpp"
#include "base/lane.hpp"
#include "daemon/ops/services.hpp"
#include "daemon/rpc/outcome.hpp"

namespace berth::daemon::rpc {

/// What one message of a Stream* answer holds at most, unless a single item is larger: far below the 16 MiB
/// that clients take.
inline constexpr std::size_t kPieceBytes = 1 << 20;

/// The first of the serialised items in `list` that have at most `limit` bytes together, or the first alone.
/// All of it where it is no list of items.
std::string_view first_piece(std::string_view list, std::size_t limit);

/// Answers a Stream* call with what its List* twin would say, in pieces. A piece has the items under the
/// number that the list has them, 1, so they pass as bytes.
template <class Piece>
class ListStream final : public grpc::ServerWriteReactor<Piece> {
 public:
  using Handler = std::function<Result<std::string>(const Call&)>;
  static ListStream* start(grpc::CallbackServerContext* context, Lane& lane, std::string_view method,
                           Handler handler) {
    auto* stream = new ListStream(method, std::move(handler));
    stream->deadline_ = deadline_of(*context);
    if (!lane.try_post([stream] { stream->run(); })) stream->end(too_many_requests(method));
    return stream;
  }

 private:
  ListStream(std::string_view method, Handler handler)
      : outcome_{method, true}, handler_(std::move(handler)) {}

  void run() {
    auto list = handler_(Call{outcome_.method, stop_.get_token(), deadline_});
    if (!list) return end(std::move(list).error());
    list_ = *std::move(list);
    rest_ = list_;
    write_next();
  }

  void write_next() {
    if (rest_.empty()) return end({});
    const std::string_view piece = first_piece(rest_, kPieceBytes);
    rest_.remove_prefix(piece.size());
    auto* fields = piece_.GetReflection()->MutableUnknownFields(&piece_);
    fields->ParseFromArray(piece.data(), static_cast<int>(piece.size()));
    this->StartWrite(&piece_);
  }

  void end(const Result<void>& done) { this->Finish(outcome_.record(done)); }

  void OnWriteDone(bool ok) override {
    if (!ok) return end(Error(Code::kCancelled, cat(outcome_.method, ": the client has gone")));
    write_next();
  }
  void OnCancel() override { stop_.request_stop(); }
  void OnDone() override { delete this; }

  Outcome outcome_;
  Handler handler_;
  std::stop_source stop_;
  std::chrono::steady_clock::time_point deadline_;
  std::string list_;
  std::string_view rest_;
  Piece piece_;
};

/// Binds the operation of a List* call to the request of its Stream* twin, which has the same fields.
template <class Piece, class Request, class ListRequest, class ListResponse>
grpc::ServerWriteReactor<Piece>* serve_in_pieces(Services& with, grpc::CallbackServerContext* context,
                                                 Lane& lane, std::string_view method, const Request* request,
                                                 Result<void> (*op)(Services&, const Call&,
                                                                    const ListRequest&, ListResponse&)) {
  return ListStream<Piece>::start(context, lane, method,
                                  [&with, request, op](const Call& call) -> Result<std::string> {
                                    ListRequest list_request;
                                    list_request.ParseFromString(request->SerializeAsString());
                                    ListResponse response;
                                    RETURN_IF_ERROR(op(with, call, list_request, response));
                                    return response.SerializeAsString();
                                  });
}

}  // namespace berth::daemon::rpc
