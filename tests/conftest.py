"""What all tests share."""

import signal

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long an example takes is the host's affair: a busy one must not turn a test red.
settings.register_profile("qbt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("qbt")

# A shell that runs us in the background has us ignore Ctrl-C, and so would every qbt that we send one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
