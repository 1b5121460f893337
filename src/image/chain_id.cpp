// SPDX-License-Identifier: Apache-2.0
#include "image/chain_id.hpp"

namespace berth::image {

std::vector<std::string> chain_ids(const std::vector<Digest>& diff_ids) {
  std::vector<std::string> chains;
  for (const Digest& diff_id : diff_ids) {
    chains.push_back(chains.empty() ? diff_id.text() : sha256(chains.back() + " " + diff_id.text()).text());
  }
  return chains;
}

}  // namespace berth::image
