"""The C library, for what the standard library has no name for."""

import ctypes

LIBC = ctypes.CDLL(None, use_errno=True)
"""``ctypes.get_errno()`` tells why a call of it failed."""
