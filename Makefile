# Short names for what is done often. The work is in scripts/ and in cargo, which also work without make.
# CARGO_TARGET_DIR is respected. ARGS reaches the program: make run ARGS='--listen 127.0.0.1:9000'.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help run build test lint fmt sqlx bench fuzz-api doc clean-data soak-money

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

run: ## install what is missing, build, and start a simulated city
	@scripts/setup.sh run
	@cargo build --release
	@program=$${CARGO_TARGET_DIR:-target}/release/boda; map=$$(scripts/run-map.sh "$$program" $(ARGS)); \
		if [ -n "$$map" ]; then export BODA__MAP__FILE="$$map"; fi; exec "$$program" serve --demo $(ARGS)

build: ## both programs, optimised: boda and boda-loadtest
	cargo build --release --workspace

test: ## everything CI runs: format, queries, lints, tests, documentation
	@scripts/setup.sh test
	@scripts/test.sh

lint: ## format and lints only
	@scripts/test.sh format lints

fmt: ## format the code
	cargo fmt --all

sqlx: ## write .sqlx anew, after a change to a query or a migration
	@scripts/sqlx-prepare.sh

bench: ## time the hot paths
	cargo bench --workspace $(ARGS)

fuzz-api: ## ask a running server everything its description allows, for FUZZ_S seconds (1200)
	@scripts/fuzz-api.sh

doc: ## the documentation of the code, in target/doc
	cargo doc --workspace --no-deps --document-private-items

clean-data: ## delete the private database of this directory (boda-data)
	@scripts/clean-data.sh $(ARGS)

soak-money: ## 2,000 schedules of faults against wallets that count their debits
	MONEY_SEEDS=2000 scripts/with-postgres.sh cargo test --release --lib payments::engine::tests::no_schedule -- --nocapture
