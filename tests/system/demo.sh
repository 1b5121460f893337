#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One pod from nothing to nothing, on a private node: namespaces, a registry, CNI plugins. Needs root
# and Debian packages only; each step shows the crictl line that does the same.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ -z "${BERTH_NODE_DIR:-}" ]; then
  [ "$(id -u)" = 0 ] || exec sudo "$here/demo.sh" "$@"
  exec "$here/shell" "$here/demo.sh"
fi

dir=$BERTH_NODE_DIR pid=$BERTH_PID
log=$dir/logs/demo/main.log
tick=$(printf '\033[32m✓\033[0m') dim=$'\033[2m' plain=$'\033[0m'
if [ ! -t 1 ]; then tick=✓ dim='' plain=''; fi

# step WHAT CRICTL-LINE COMMAND...: runs it; its output is left in $out.
out=
step() {
  local what=$1 line=$2 began=$EPOCHREALTIME ended
  shift 2
  out=$("$@") || { printf '✗ %s\n%s\n' "$what" "$out"; tail -n 5 "$dir/berthd.log"; exit 1; }
  ended=$EPOCHREALTIME
  printf '%s %-58s %6d ms   %s%s%s\n' "$tick" "$what" $(((${ended/[.,]/} - ${began/[.,]/}) / 1000)) "$dim" "$line" "$plain"
}
show() { sed 's/^/      /' <<<"$1"; }

write_configs() {
  cat >"$dir/pod.json" <<JSON
{"metadata": {"name": "demo", "namespace": "default", "uid": "demo"}, "hostname": "demo",
 "log_directory": "$dir/logs/demo", "linux": {}}
JSON
  cat >"$dir/container.json" <<JSON
{"metadata": {"name": "main"}, "image": {"image": "$BERTH_IMAGE"}, "log_path": "main.log", "linux": {},
 "command": ["sh", "-c", "i=0; while :; do i=\$((i+1)); echo line \$i; sleep 0.02; done"]}
JSON
}

lines() { wc -l <"$log"; }
wait_lines() { until [ -s "$log" ] && [ "$(lines)" -ge "$1" ]; do sleep 0.02; done; }
kill_daemon() { kill -9 "$pid"; while kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status"; do sleep 0.01; done; }
start_daemon() {
  setsid bash -c "exec $BERTH_COMMAND" >>"$dir/berthd.log" 2>&1 </dev/null &
  echo $! >"$dir/pid"
  until berthctl status >/dev/null 2>&1; do sleep 0.02; done
}
# Every line once and in order: what a restart of the daemon must not change.
check_lines() {
  cut -d ' ' -f 4- "$log" | awk '$0 != "line " NR { print "line " NR " is: " $0; bad = 1; exit } END { if (!bad) print NR " lines, none lost" ; exit bad }'
}
pod_address() { berthctl pod status "$1" | grep -oE '\b10\.88\.[0-9]+\.[0-9]+' | head -n 1; }
leftover_mounts() { grep -E " $dir/(state|root)/" /proc/self/mountinfo || true; }
leftover_cgroups() { find /sys/fs/cgroup -path "*$BERTH_CGROUP/*" -type d ! -name shims 2>/dev/null || true; }
leftover_processes() { ps -eo pid=,comm= | grep -E ' berth-' || true; }
none_left() {
  local tries found
  for tries in $(seq 50); do
    found="$(leftover_mounts)$(leftover_cgroups)$(leftover_processes)"
    [ -z "$found" ] && return
    sleep 0.1
  done
  echo "$found"
  return 1
}

printf '%s %-58s %6d ms\n' "$tick" "berthd serves, on a node of namespaces with a registry" "$BERTH_MS"
write_configs
step "an image is pulled from the registry" "crictl pull $BERTH_IMAGE" berthctl image pull "$BERTH_IMAGE"
step "a pod runs" "crictl runp pod.json" berthctl pod run "$dir/pod.json"
pod=$(tail -n 1 <<<"$out")
step "it has a network" "crictl inspectp ${pod:0:12}" pod_address "$pod"
show "address $out"
step "a container is created in it" "crictl create ${pod:0:12} container.json pod.json" berthctl container create "$pod" "$dir/container.json" "$dir/pod.json"
container=$(tail -n 1 <<<"$out")
step "and started" "crictl start ${container:0:12}" berthctl container start "$container"
wait_lines 5
step "it writes log lines" "crictl logs ${container:0:12}" head -n 3 "$log"
show "$out"
step "a command runs in it" "crictl exec -s ${container:0:12} sh -c ..." berthctl exec "$container" -- sh -c 'echo "$(hostname): $(ps | wc -l) processes, $(ip -o -4 addr show eth0 | cut -d " " -f 7)"'
show "$out"
before=$(lines)
step "the daemon is killed with kill -9" "" kill_daemon
step "the container goes on: ten more lines without a daemon" "" wait_lines $((before + 10))
after=$(lines)
step "the daemon starts again and serves" "" start_daemon
pid=$(<"$dir/pid")
step "it knows the container" "crictl inspect ${container:0:12}" berthctl container status "$container"
step "a command runs in it" "crictl exec -s ${container:0:12} true" berthctl exec "$container" -- true
wait_lines $((after + 10))
step "no line is lost" "" check_lines
show "$out"
step "the container stops" "crictl stop ${container:0:12}" berthctl container stop "$container" --timeout 1
step "the pod stops" "crictl stopp ${pod:0:12}" berthctl pod stop "$pod"
step "the pod is removed" "crictl rmp ${pod:0:12}" berthctl pod rm "$pod"
step "the image is removed" "crictl rmi $BERTH_IMAGE" berthctl image rm "$BERTH_IMAGE"
step "nothing is left" "" none_left
show "mounts:    [$(leftover_mounts)]"
show "cgroups:   [$(leftover_cgroups)]"
show "processes: [$(leftover_processes)]"
kill "$pid"
