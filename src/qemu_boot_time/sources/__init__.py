"""One module a way of seeing a boot. Kept empty: perf's own Python imports ``kvm_trace``."""
