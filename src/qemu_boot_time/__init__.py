"""Where the boot time of a QEMU virtual machine goes.

Kept empty of imports: perf's own Python imports the package for
``perf-script/qemu-perf-script.py``, and ``qbt --version`` should cost nothing.
"""

__version__ = "0.1.0"
