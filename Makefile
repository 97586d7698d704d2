PYTHON ?= .venv/bin/python

.PHONY: test-kvm

test-kvm: ## run what needs a real KVM host, in a box that is built if need be (docs/kvm-box.md)
	QBT_REAL=1 $(PYTHON) -m pytest -m kvmbox --durations=5 tests/real
