# Every target makes its own virtual environment; only Debian's python3, python3-venv and make are needed.
#
#   make demo      two gateways on this machine: one tunnel, one refusal explained, one mismatch shown
#   make test      all tests that need neither root nor a peer
#   make check     ruff, mypy --strict, architecture
#   make faults    at full size what test runs a part of: 1,000 compilations killed in the middle, 1,000 mutated
#                  files compiled, properties with four times as many examples, chains of 100,000, tokens of 16 MiB
#   make lossy     10,000 negotiations of each kind on a network that loses 30 % each way (a quarter of an hour)
#   make interop   against strongSwan, libreswan and others in network namespaces (root, Debian 12; installs the peers)
#   make interop-kernel   the scenarios for which the peer's kernel must have ESP and AH, in a User-mode Linux guest
#   make bench     what decisions, explanations, compiling and handshakes cost here
#   make clean     remove what the targets above made

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
RESULTS := .interop
SOURCES := grammar policydb daemon tests examples

.PHONY: demo test check faults lossy interop interop-kernel peers bench clean
.DELETE_ON_ERROR:

# Tests start hundreds of processes; without bytecode each would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

$(STAMP): setup.cfg pyproject.toml
	@echo "setting up $(VENV) (once; a minute or less)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/python examples/first-light/demo.py

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist worksteal -q

check: $(STAMP)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy --no-error-summary $(SOURCES)
	$(BIN)/python -m pytest -q tests/test_architecture.py

faults: $(STAMP)
	FULL_SIZE=1 $(BIN)/python -m pytest -n 2 --dist worksteal -q -rP -o timeout=1200 -m "full_size or hypothesis"

lossy: $(STAMP)
	LOSSY_SEEDS=10000 $(BIN)/python -m pytest -n 2 -q -rP -o timeout=0 tests/daemon/ike/test_lossy_links.py

peers:
	@sh tests/interop/install-peers.sh

interop: $(STAMP) peers
	@rm -rf $(RESULTS)/here.json && mkdir -p $(RESULTS)
	INTEROP_RESULTS=$(RESULTS)/here.json $(BIN)/python -m pytest -q -rP -n 3 -m "not kernel" tests/interop; status=$$?; \
		$(BIN)/python -m tests.interop.document here $(RESULTS)/here.json && exit $$status

interop-kernel: $(STAMP) peers
	@rm -rf $(RESULTS)/guest-* && mkdir -p $(RESULTS)
	$(BIN)/python -m tests.interop.guest $(RESULTS); status=$$?; \
		$(BIN)/python -m tests.interop.document guest $(RESULTS)/guest-*/results.json && exit $$status

bench: $(STAMP)
	@$(BIN)/python -m tests.bench

clean:
	rm -rf $(VENV) $(RESULTS) .peers build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
