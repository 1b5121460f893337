// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.hpp"
#include "daemon/state/container.hpp"
#include "daemon/state/layout.hpp"
#include "daemon/state/pod_sandbox.hpp"

namespace berth::daemon {

/// Pods and containers on disk: JSON with a schema number, written through write_file(kAtomic), no
/// fsync anywhere. A file that cannot be read back is an error for the caller to quarantine.
inline constexpr int kRecordSchema = 1;

Result<void> store_pod_record(const Layout& layout, const PodRecord& record);
Result<void> store_pod_status(const Layout& layout, const PodSandbox& pod);
Result<void> store_attachment(const Layout& layout, const std::string& pod_id,
                              const netcni::Attachment& attachment);
Result<void> store_container_record(const Layout& layout, const ContainerRecord& record);
Result<void> store_container_status(const Layout& layout, const Container& container);

Result<PodRecord> load_pod_record(const Layout& layout, const std::string& id);
/// As much of a record that load_pod_record() refuses as can be made out, to take away what lives of
/// the pod: at the least its ID.
PodRecord salvage_pod_record(const Layout& layout, const std::string& id);
/// kNotFound: the pod was never finished.
Result<PodStatus> load_pod_status(const Layout& layout, const std::string& id);
Result<netcni::Attachment> load_attachment(const Layout& layout, const std::string& pod_id);
Result<ContainerRecord> load_container_record(const Layout& layout, const std::string& id);
Result<ContainerStatus> load_container_status(const Layout& layout, const std::string& id);

}  // namespace berth::daemon
