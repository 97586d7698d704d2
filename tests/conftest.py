"""What all tests share."""

from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# How long an example takes is the host's affair: a busy one must not turn a test red.
settings.register_profile("qbt", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("qbt")
