#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds DIRECTORY/root.img, the root of a virtual node: build_root.sh DIRECTORY SUITE SOURCE PACKAGES SIZE.
# Run in a mount namespace of its own: the tree is in memory and goes with it.
set -eu
directory=$1 suite=$2 source=$3 packages=$4 size=$5
tree=$directory/tree

mkdir "$tree"
mount -t tmpfs -o mode=755 tmpfs "$tree"
mmdebstrap --quiet --mode=root --variant=minbase --format=directory --include="$packages" \
  --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' "$suite" "$tree/root" "$source"
cd "$tree/root"

echo uninitialized >etc/machine-id
echo node >etc/hostname
echo '127.0.0.1 localhost node' >etc/hosts
: >etc/fstab
mkdir -p job usr/lib/modules
# A node boots to run one job; what a long life needs is only time lost.
for unit in apparmor.service docker-registry.service nftables.service e2scrub_reap.service systemd-random-seed.service \
  systemd-update-utmp.service systemd-journal-flush.service systemd-pcrphase.service systemd-pcrphase-sysinit.service \
  dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount; do
  ln -sf /dev/null "etc/systemd/system/$unit"
done
rm -f etc/systemd/system/timers.target.wants/* lib/systemd/system/timers.target.wants/*

cat >etc/systemd/system/node.target <<'UNIT'
[Unit]
Description=One job on a virtual node
Requires=basic.target node.service
After=basic.target
AllowIsolate=yes
UNIT
cat >etc/systemd/system/node.service <<'UNIT'
[Unit]
Description=The job
After=basic.target dbus.socket
Requires=dbus.socket
FailureAction=poweroff-force

[Service]
Type=oneshot
TimeoutStartSec=infinity
TasksMax=infinity
LimitNOFILE=1048576
ExecStart=/bin/sh /etc/node-job
UNIT
# Where the job is says the kernel's command line: in a directory of the host, or on a disk.
cat >etc/node-job <<'SCRIPT'
job=$(sed 's/.*node.job=//; s/ .*//' /proc/cmdline)
case $job in
/dev/*)
  # At first the disk has what this kernel needs. A snapshot is taken when that is in place: whoever goes on
  # from it says what time it is, and has another disk.
  tar -xf "$job" -C / && exec 3<>/dev/hvc1 && stty raw -echo <&3 && printf '\0' >&3 && read -r now <&3 &&
    date -s "@$now" && blockdev --flushbufs "$job" && tar -xf "$job" -C / || exit
  ;;
*) mount -t hostfs -o "$job" none /job || exit ;;
esac
exec sh /job/start
SCRIPT

# From an empty /dev: device nodes would be files of the image.
rm -rf dev run tmp
mkdir -p -m 755 dev run
mkdir -p -m 1777 tmp
truncate -s "$size" "$directory/root.img"
mke2fs -q -F -t ext4 -O ^has_journal -m 0 -d . "$directory/root.img"
cd /
umount "$tree"
rmdir "$tree"
