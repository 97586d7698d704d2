"""What runs inside the virtual machine: init, initramfs, demo guest, builds of instrumented pieces."""
