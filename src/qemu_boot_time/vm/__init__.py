"""QEMU: its command line (pure), its process (one boot as a context manager), its monitor."""
