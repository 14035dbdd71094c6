# Scion: setup, build, test. `make` alone lists the targets.

SWIFT ?= swift
PREFIX ?= /usr/local
# NAME=… chooses a model of models/manifest.json (the first without it); from the command line only, since some systems
# keep the machine's name in the environment's NAME. SCION_MODEL=path.gguf takes a file instead.
ifneq ($(origin NAME),command line)
NAME =
endif
MODEL = $(or $(SCION_MODEL),$(shell scripts/fetch-model --path "$(NAME)"))
SWIFT_FOLDERS = $(wildcard Sources Tests Benchmarks Package.swift)
# Tests are built optimised (Swift's debug codecs are a hundred times slower) and testable. That is another set of
# flags than the program's: a folder of its own keeps the two builds from undoing each other.
TEST_FOLDER = .build-tests
# An import against the arrows of Package.swift is an error; scripts/check-sources finds the others that it does not name.
BUILD = $(SWIFT) build --explicit-target-dependency-import-check error
TEST_FLAGS = -c release --scratch-path $(TEST_FOLDER) -Xswiftc -enable-testing
# What is handed out has Swift's runtime inside; another set of flags, so another folder.
DIST_FLAGS = --scratch-path .build-dist -Xswiftc -static-stdlib
MANUAL_FOLDER = .build-manual
GENERATE_MANUAL = $(MANUAL_FOLDER)/release/generate-manual
COMMIT_TIME = $(shell git log -1 --format=%ct 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help setup model build demo test test-neon bench experiments lint format install uninstall dist clean

help: ## lists the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile
	@echo "NAME=smollm, qwen or gemma chooses the model; SCION_MODEL=path.gguf uses another; PREFIX=path says where to install;"
	@echo "SETS=home ARMS=gaussian,lora-one restrict the experiments (Experiments/run says all)"

setup: ## installs the Debian packages that are missing
	@scripts/setup

model: setup ## fetches a model into models/, verified: NAME=smollm (the default, 98 MB), qwen (491 MB) or gemma (253 MB)
	@SCION_MODEL="$(SCION_MODEL)" scripts/fetch-model "$(NAME)"

build: setup ## builds .build/release/scion
	@echo "build: swift build -c release"
	@$(BUILD) -c release --product scion

demo: setup model build ## fine-tunes, evaluates, merges and generates on a sample (under 10 minutes)
	@MODEL="$(MODEL)" scripts/demo.sh

test: setup model lint ## checks sources and samples, builds and runs all tests
	@SWIFT="$(SWIFT)" scripts/check-sources
	@python3 -B samples/generate.py --check --stats
	@python3 -B scripts/benchmark-table --check
	@python3 -B Experiments/self_test.py
	@python3 -B Experiments/page --check
	@python3 -B Experiments/int8/run --check
	@python3 -B scripts/make-tiny-models
	@echo "test: building the tests"
	@mkdir -p $(TEST_FOLDER)
	@$(BUILD) --build-tests $(TEST_FLAGS) > $(TEST_FOLDER)/build.log 2>&1 || { cat $(TEST_FOLDER)/build.log; exit 1; }
	@scripts/check-sources --log $(TEST_FOLDER)/build.log
	@echo "test: running the kernels' tests, which switch instruction sets for their whole process"
	@$(SWIFT) test --skip-build --disable-xctest --no-parallel $(TEST_FLAGS) --filter TensorsTests
	@echo "test: running the others"
	@SCION_MODEL="$(SCION_MODEL)" $(SWIFT) test --skip-build --disable-xctest $(TEST_FLAGS) --skip TensorsTests

test-neon: ## checks the ARM kernels: cross-compiles them, runs them under qemu (installs the Debian packages for it)
	@scripts/test-neon

bench: setup model ## measures this machine (about 20 minutes): Benchmarks/results and the table in docs/speed.md
	@echo "bench: swift build -c release --product scion-bench"
	@$(BUILD) -c release --product scion-bench
	@MODEL="$(MODEL)" scripts/bench

experiments: setup model build ## compares starts and optimizers (2 hours or a little more; goes on where it was): Experiments/README.md
	@scripts/setup python3-matplotlib
	@MODEL="$(MODEL)" Experiments/run
	@python3 -B Experiments/page
	@python3 -B Experiments/draw

lint: ## checks the formatting of all Swift sources
	@echo "lint: swift format lint --strict"
	@$(SWIFT) format lint --strict --parallel --recursive $(SWIFT_FOLDERS)

format: ## formats all Swift sources
	@$(SWIFT) format --in-place --parallel --recursive $(SWIFT_FOLDERS)

# Pages are written by swift-argument-parser's tool, which its plugin would build unoptimised, and Scion with it.
$(GENERATE_MANUAL):
	@echo "manual: building swift-argument-parser's generate-manual"
	@mkdir -p $(MANUAL_FOLDER)
	@{ $(SWIFT) package resolve && $(SWIFT) build -c release --product generate-manual --scratch-path $(MANUAL_FOLDER) \
	  --package-path .build/checkouts/swift-argument-parser; } > $(MANUAL_FOLDER)/build.log 2>&1 \
	  || { cat $(MANUAL_FOLDER)/build.log; exit 1; }

install: build $(GENERATE_MANUAL) ## installs scion, its man pages and completions (bash, zsh, fish) under PREFIX (/usr/local)
	@SOURCE_DATE_EPOCH=$(COMMIT_TIME) scripts/install-files .build/release/scion $(GENERATE_MANUAL) "$(DESTDIR)$(PREFIX)"
	@echo "install: $(DESTDIR)$(PREFIX)/bin/scion, its man pages and completions"

uninstall: ## removes what install wrote under PREFIX
	@scripts/install-files --remove "$(DESTDIR)$(PREFIX)"

dist: $(GENERATE_MANUAL) ## makes a .deb and a relocatable tarball with Swift inside, in .build-dist (check: scripts/check-dist)
	@scripts/setup patchelf dpkg-dev binutils
	@echo "dist: swift build -c release, with Swift's runtime inside"
	@$(BUILD) -c release --product scion $(DIST_FLAGS)
	@scripts/dist "$$($(SWIFT) build -c release $(DIST_FLAGS) --show-bin-path)/scion" $(GENERATE_MANUAL)

clean: ## removes everything that was built or trained, not the model
	@rm -rf .build $(TEST_FOLDER) .build-neon .build-dist $(MANUAL_FOLDER) demo models/*.part
