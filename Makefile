# Everything a developer of takt runs. `make help` lists it.

SHELL       := /bin/bash
.SHELLFLAGS := -o pipefail -ec

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
BENCHSTAT   := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da

# What `make bench` runs, for how long each, and how often. The passes follow each
# other as a whole, unlike those of -count, so that a noisy moment of the machine
# hits a benchmark once and not three times. Each pass runs the benchmarks twice: with
# all processors for the wall time, and with one for the CPU time. BenchmarkGrowth
# and BenchmarkCrowd measure only CPU time.
BENCH     := .
BENCHTIME := 200ms
PASSES    := 1 2 3
go-bench   = go test ./task -run '^$$' -bench '^BenchmarkFloor|$(BENCH)' -benchtime $(BENCHTIME)
run-bench  = for pass in $(PASSES); do \
	$(go-bench) -skip '^Benchmark(Growth|Crowd)'; $(go-bench) -skip '^BenchmarkCrowd' -cpu 1; done

# What runs WebAssembly of the kind wasip1; the scripts that go test finds on PATH and
# hands the binaries to are Go's own.
WAZERO   := github.com/tetratelabs/wazero/cmd/wazero@v1.12.0
WASMEXEC := $(shell go env GOROOT)/lib/wasm

# What the platforms' targets test: all but mutate, which runs the go command, and there is none for
# another platform. -short leaves out the tests that are heavy.
PACKAGES = $$(go list ./... | grep -v cmd/internal/mutate)
test-on  = go test -short -timeout 20m $(PACKAGES)

.PHONY: help demo test race sim picture oldest conformance platforms fuzz mutate lint explore netbench bench bench-growth bench-save bench-compare
.PHONY: platform-386 platform-unoptimised platform-js platform-wasip1 platform-arm64

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## run the factorial demo, in real time
	go run ./cmd/loopdemo

test: ## run every test and example, the conformance suite too
	go test -timeout 5m ./...
	cd cmd/service && go test ./...
	cd cmd/simraft && go test ./kv

race: ## the same under the race detector
	go test -race -timeout 5m ./...
	cd cmd/service && go test -race ./...
	cd cmd/simraft && go test -race ./kv

# With TAKT_SCHEDULES=x10 ten times as many schedules, and with TAKT_SEED=fresh other ones.
sim: ## run a raft cluster in a simulated world: each of six bugs is found, and the cluster without them passes
	cd cmd/simraft && go test -count=1 -timeout 20m -v .

picture: ## draw the README's picture, the timeline page of the demo; needs Chromium
	@command -v chromium >/dev/null || { echo 'make picture needs chromium on PATH'; exit 1; }
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	go run ./cmd/loopdemo -virtual -timeline $$dir/page.html >/dev/null; \
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1000,420 \
		--screenshot="$(CURDIR)/testdata/timeline.png" "file://$$dir/page.html" 2>/dev/null

# The oldest Go that takt builds with is the one that go.mod names.
OLDEST := go$(shell awk '$$1 == "go" { print $$2 }' go.mod)

oldest: ## build everything with the oldest Go, and run the tests that are not heavy
	GOTOOLCHAIN=$(OLDEST) go vet ./...
	GOTOOLCHAIN=$(OLDEST) $(test-on)
	cd cmd/service && GOTOOLCHAIN=$(OLDEST) go vet ./...
	cd cmd/simraft && GOTOOLCHAIN=$(OLDEST) go vet ./...

conformance: ## compare the conformance programs with CPython's traces: failures and the sum
	@go test ./task -run '^TestConformance' -count=1 -v | grep -vE '^(=== |PASS|ok )|^ *--- PASS'

# Which packages have fuzz targets. go test fuzzes one target at a time.
FUZZ     := ./task ./task/host ./timer ./loop/looptest ./loop/trace
FUZZTIME := 1m

fuzz: ## fuzz each target for FUZZTIME; a failure is written to testdata/fuzz
	@for package in $(FUZZ); do \
		for target in $$(go test $$package -list '^Fuzz' | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test $$package -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME); \
		done; \
	done

# Such as MUTATE='-sample 200 -seed 7 loop task'. The rest of the flags: MUTATE=-h.
MUTATE :=

mutate: ## put small faults into the packages, and list those that no test notices
	go run ./cmd/internal/mutate $(MUTATE)

platforms: platform-386 platform-unoptimised platform-js platform-wasip1 platform-arm64 ## the tests on 386, without optimisation, on js, wasip1, arm64

platform-386:
	GOARCH=386 $(test-on)

platform-unoptimised:
	$(test-on) -gcflags='all=-N -l'

# js and wasip1 have no network, only an imitation in the process, so servers are left out.
platform-js platform-wasip1: PACKAGES = $$(go list ./... | grep -vE 'cmd/internal/mutate|cmd/(chat|netbench)|task/host')

platform-js:
	@command -v node >/dev/null || { echo 'js is left out: there is no node'; exit 0; }; set -x; \
	PATH=$(WASMEXEC):$$PATH GOOS=js GOARCH=wasm $(test-on)

platform-wasip1:
	@bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; GOBIN=$$bin go install $(WAZERO); set -x; \
	PATH=$$bin:$(WASMEXEC):$$PATH GOWASIRUNTIME=wazero GOOS=wasip1 GOARCH=wasm $(test-on)

# The programs of cmd are left out: their tests start processes, which never returns under qemu.
platform-arm64: PACKAGES = $$(go list ./... | grep -v /cmd/)
platform-arm64:
	@qemu=$$(command -v qemu-aarch64 qemu-aarch64-static | head -1); \
	[ -n "$$qemu" ] || { echo 'arm64 is left out: there is no qemu-aarch64'; exit 0; }; set -x; \
	GOARCH=arm64 $(test-on) -exec "$$qemu"

lint: ## gofmt, go vet, staticcheck, and a tidy go.mod
	@files=$$(gofmt -l .); [ -z "$$files" ] || { echo "gofmt -w these:"; echo "$$files"; exit 1; }
	go vet ./...
	go run $(STATICCHECK) ./...
	go mod tidy -diff
	cd cmd/service && go vet ./... && go run $(STATICCHECK) ./... && go mod tidy -diff
	cd cmd/simraft && go vet ./... && go run $(STATICCHECK) ./... && go mod tidy -diff

# What make explore measures: a regular expression for strategy/collection.
EXPLORE := .

explore: ## one table: how fast the strategies of looptest find bugs; takes a minute
	@go test ./loop/looptest -run '^$$' -bench '^BenchmarkStrategies$$/$(EXPLORE)' -benchtime 1x -timeout 60m

netbench: ## one table: servers on takt, goroutines, asyncio, uvloop, tokio; takes ten minutes, Linux only
	@cmd/netbench/run.sh

bench: ## one table: wall and CPU time, ratios to iter.Pull and to goroutines, goals; takes four minutes
	@$(run-bench) | go run ./cmd/internal/benchtable

bench-growth: BENCH := ^BenchmarkCrowd
bench-growth: BENCHTIME := 500ms
bench-growth: ## one table: costs with 1,000 tasks, timers and so on at once, and with 1,000,000; takes three minutes
	@for pass in $(PASSES); do $(go-bench) -cpu 1; done | go run ./cmd/internal/benchtable

# benchstat takes no difference for real with fewer than four samples.
bench-save bench-compare: PASSES := 1 2 3 4 5 6

bench-save: ## save the benchmarks to .bench/base.txt, to compare with later
	@mkdir -p .bench
	$(run-bench) | tee .bench/base.txt

bench-compare: ## run the benchmarks again and compare with what bench-save saved
	@[ -f .bench/base.txt ] || { echo "there is nothing to compare with; run make bench-save first"; exit 1; }
	@$(run-bench) > .bench/new.txt
	@go run $(BENCHSTAT) .bench/base.txt .bench/new.txt
