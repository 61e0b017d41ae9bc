# Each target is a few lines; what is longer is a script. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test test-rust test-clients test-all bench check gen

help: ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

run: ## install what is missing, build (unoptimised: it is quicker), and start the gateway in demo mode on loopback
	@scripts/install build
	@cargo build --locked -p portcullis
	@exec "$$(scripts/target-dir)/debug/portcullis" serve --demo

test: ## everything that decides whether work lands: format, lints, derived files, Rust suites on both databases, real clients
	@scripts/install build test
	@scripts/step "format" cargo fmt --all --check
	@scripts/step "lints" cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
	@scripts/step "build" cargo build --workspace --all-targets --locked --quiet
	@scripts/step "derived files" cargo run --quiet --locked -p portcullis -- gen --check
	@$(MAKE) --no-print-directory test-rust
	@$(MAKE) --no-print-directory test-clients

test-rust: ## the Rust suites, on SQLite and on a throw-away PostgreSQL
	@scripts/step "Rust suites" env RUST_BACKTRACE=1 scripts/with-postgres cargo test --workspace --locked --quiet --no-fail-fast

test-clients: ## official clients and third-party token libraries against the debug binary
	@scripts/install test
	@scripts/step "client suites" scripts/test-clients

test-all: test ## what is slower as well: every AI client at every provider's format, an Active Directory domain controller (as root), fuzzing, other JOSE libraries, benchmarks as smoke tests, the gate's load table in its short form, five minutes of mixed calls
	@scripts/install controller
	@scripts/step "Active Directory" cargo test -p portcullis-identity --locked --quiet --test it active_directory -- --ignored
	@scripts/step "fuzzing" scripts/fuzz --seconds 60
	@scripts/step "other JOSE libraries" scripts/oracles
	@scripts/step "micro-benchmarks" cargo bench --workspace --locked --bench '*' -- --quick
	@scripts/step "load, short" bench/run.py --rounds 1 --duration 1
	@scripts/step "every AI client at every format" scripts/test-clients -k "ai_matrix or ai_node" --matrix
	@scripts/step "soak" bench/soak.py --seconds 300

bench: ## measure against nginx, tokens against bare cryptography, and translation between AI formats, on this machine; write docs/reference/*performance.md
	@scripts/install build bench
	@scripts/step "release build" cargo build --release --locked -p portcullis
	@bench/run.py --write docs/reference/performance.md
	@scripts/bench-jose
	@scripts/bench-llm

check: ## format, lints, docs, licences and advisories
	@scripts/install build check
	@cargo fmt --all --check
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	@cargo deny --all-features check --hide-inclusion-graph licenses bans sources
	@if cargo deny fetch db 2>/dev/null; then cargo deny --offline --all-features check --hide-inclusion-graph advisories; \
	else echo "advisories are not looked at: their database cannot be reached from here"; fi

gen: ## write the derived files: api/, docs/reference/
	@cargo run --quiet --locked -p portcullis -- gen
