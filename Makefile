# The checks themselves are steps of .ci/run; these are short names for them.
.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Serves the sample board on :3000 (REST) and :50051 (gRPC)
	go run ./monolith

.PHONY: test
test: ## Runs every module's tests
	go test work

.PHONY: race
race: ## Runs every module's tests with the race detector
	go test -race work

.PHONY: lint
lint: ## Checks formatting, Go code and protos
	.ci/run tools format lint proto

.PHONY: generate
generate: ## Makes gen from the protos
	.ci/run tools
	PATH="$(CURDIR)/.tools:$$PATH" buf generate

.PHONY: baseline
baseline: ## Takes the protos as the ones that later changes may not break (at a release)
	.ci/run tools
	PATH="$(CURDIR)/.tools:$$PATH" buf build --exclude-source-info --output proto/baseline.binpb

.PHONY: fuzz
fuzz: ## Runs each fuzz target (FUZZTIME=30s)
	.ci/run fuzz

.PHONY: bench
bench: ## Runs every benchmark
	go test -run '^$$' -bench . -benchmem work

.PHONY: ci
ci: ## Runs everything that must pass before a change is merged
	.ci/run
