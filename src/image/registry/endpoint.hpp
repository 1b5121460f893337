// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace berth::image {

/// How one server proves itself, and we to it.
struct TlsFiles {
  /// PEM certificates that are trusted besides the system's; null: those alone.
  std::shared_ptr<const std::string> extra_ca;
  std::string client_cert, client_key;  ///< paths of PEM files; empty: none
};

/// One server that may be asked for an image, and how.
struct Endpoint {
  std::string host;        ///< "registry-1.docker.io", "127.0.0.1:5000"
  std::string path;        ///< repository there
  bool insecure = false;   ///< no certificate check, and plain http when https does not answer
  bool is_mirror = false;  ///< never given credentials meant for the primary
  std::string scheme;      ///< "https" or "http"; empty: https, and http when insecure
  std::string root = "/v2";
  std::string ns;                    ///< the registry that this one stands for: sent as "ns=" when not empty
  bool gives_content = true;         ///< may be asked for blobs and for manifests by digest
  bool resolves_tags = true;         ///< may be asked what a tag is
  std::vector<std::string> headers;  ///< "Name: value", for this server's own eyes
  TlsFiles tls;
  std::chrono::milliseconds connect_timeout{0};  ///< 0: the client's own
  std::string said_by;  ///< the file and the rule that named it; empty: the image's own name
};

}  // namespace berth::image
