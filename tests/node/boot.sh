#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Becomes the virtual machine: boot.sh WORK KERNEL IMAGE SHARES KERNEL-ARGUMENTS...
# Run in mount and PID namespaces of its own, which end with it. The kernel is a program with a C
# library of its own, so it lives in a root of its own; SHARES, one per line, are what else is there.
set -eu
work=$1 kernel=$2 image=$3 shares=$4
shift 4
root=$work/root

mkdir "$root"
mount -t tmpfs -o mode=755 tmpfs "$root"
cd "$root"
mkdir -p proc dev/shm tmp usr node disk job
ln -s usr/lib lib
ln -s usr/lib64 lib64
mount -t proc proc proc
mount -t tmpfs tmpfs dev/shm
for device in null zero urandom; do
  : >dev/$device
  mount --bind /dev/$device dev/$device
done
mount --bind -o ro "$kernel/usr" usr
mount --bind -o ro "$kernel/node" node
: >disk/root.img
mount --bind -o ro "$image" disk/root.img
mount --bind "$work/job" job
echo "$shares" | while read -r share; do
  [ -n "$share" ] || continue
  mkdir -p ".$share"
  mount --rbind "$share" ".$share"
done
exec env -i HOME=/tmp TMPDIR=/dev/shm PATH=/usr/sbin:/usr/bin TERM=linux chroot . /usr/bin/linux.uml \
  ubd0=/disk/changes,/disk/root.img root=/dev/ubda rw node.job=/job "$@"
