#!/bin/busybox sh
# Pid 1 of the initramfs: reach the root disk, hand over to /sbin/box-init.
/bin/busybox mkdir -p /proc /dev /sysroot
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox modprobe -a virtio_pci virtio_blk crc32c_generic ext4
until [ -b /dev/vda ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t ext4 /dev/vda /sysroot
/bin/busybox mount --move /dev /sysroot/dev
/bin/busybox umount /proc
exec /bin/busybox switch_root /sysroot /sbin/box-init
