// SPDX-License-Identifier: Apache-2.0
#pragma once

// One function per op kind, called by run_plan.cpp in the plan's order. Each returns 0 or an errno.
// What an op means is said in plan_format.h.

#include "pid1/child.h"

namespace berth::pid1 {

// ops_mount.cpp
int root_propagation(Child& child, const plan::Op& op);
int attach_root(Child& child, const plan::Op& op);
int mount_new(Child& child, const plan::Op& op);
int attach_tree(Child& child, const plan::Op& op);
int mount_attr(Child& child, const plan::Op& op);
int pivot(Child& child, const plan::Op& op);

// ops_mask.cpp
int mask_path(Child& child, const plan::Op& op);
int readonly_path(Child& child, const plan::Op& op);
/// Takes the host's /dev/null as a detached mount while its mount namespace is still at hand.
void keep_null_tree(Child& child);

// ops_copy_up.cpp
/// Copies what is in the directory `from` (O_PATH is enough) into the empty directory `to`.
int copy_up(int from, int to);

// ops_files.cpp
int make_dir(Child& child, const plan::Op& op);
int make_node(Child& child, const plan::Op& op);
int make_symlink(Child& child, const plan::Op& op);
int working_dir(Child& child, const plan::Op& op);

// ops_identity.cpp
int set_groups(Child& child, const plan::Op& op);
int bounding_set(Child& child, const plan::Op& op);
int set_ids(Child& child, const plan::Op& op);
int set_capabilities(Child& child, const plan::Op& op);
int no_new_privs(Child& child, const plan::Op& op);
int load_seccomp(Child& child, const plan::Op& op);
/// With NEW_LISTENER in the op's flags, `listener` is the descriptor.
int load_filter(Child& child, const plan::Op& op, int& listener);
int join_keyring(Child& child, const plan::Op& op);

// ops_label.cpp
int set_label(Child& child, const plan::Op& op);

// ops_namespaces.cpp
int time_offsets(Child& child, const plan::Op& op);
int become_root(Child& child, const plan::Op& op);
int set_sysctl(Child& child, const plan::Op& op);

// ops_resources.cpp
int raise_limit(const plan::Op& op);
int set_scheduler(Child& child, const plan::Op& op);
int set_io_priority(Child& child, const plan::Op& op);
int set_memory_policy(Child& child, const plan::Op& op);
int set_affinity(Child& child, const plan::Op& op);
int use_every_cpu();
int set_personality(Child& child, const plan::Op& op);

// ops_program.cpp
int find_program(Child& child, const plan::Op& op);
int execute_program(Child& child, const plan::Op& op);

// run_plan.cpp
/// One op; 0, or an errno.
int run_op(Child& child, const plan::Op& op);
/// Undoes what the shim changed about itself; once, however often it is called.
void settle_child(Child& child);

// stdio.cpp
/// A pipe for that user, so that its programs can open /dev/stdout again; what is no pipe stays.
int own_pipe(int fd, uid_t uid);
int connect_stdio(Child& child, const plan::Op& op);
int open_terminal(Child& child, const plan::Op& op);

/// The descriptor that an op names; -1 when it has none or the pod has no such namespace.
int fd_of(const Child& child, uint32_t fd);
/// The connection to the filter's agent; -1 when it has none.
int agent_of(const Child& child);
/// The directory that targets are relative to: the new root, or in an exec "/" itself; -1 with errno.
int root_of(Child& child);

}  // namespace berth::pid1
