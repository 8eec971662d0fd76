MODULES     = pkg auth-service passport-service document-service notification-service deploy
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
TIMEOUT     = 10m
FUZZTIME    = 10000x
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
NEWMAN      = newman@6.2.2
POSTMAN_ENV = local

help: ## show this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## run the suite on this machine with its data in ./data
	@go build -o bin/local ./deploy/local && exec bin/local

seed: ## add people, passports and documents to the running suite
	@go run ./deploy/seed

events: ## follow the Kafka topics of the running suite
	@go build -o bin/events ./deploy/events && exec bin/events

reset: ## delete the data of make run
	@go build -o bin/local ./deploy/local && exec bin/local reset

up: export VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
up: export COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
up: ## build the suite and run it in Docker, with MongoDB, Kafka and MinIO
	docker compose up --build -d --wait

test: ## test all modules
	go test -timeout $(TIMEOUT) work

e2e: ## test the whole suite, or a running one at AUTH_URL, PASSPORT_URL, DOCUMENT_URL, NOTIFICATION_URL
	go test -count=1 -timeout $(TIMEOUT) ./deploy/e2e

race: ## test all modules with the race detector
	go test -race -timeout $(TIMEOUT) work

standalone: ## build and vet each module and its tests without the workspace
	for m in $(MODULES); do (cd $$m && GOWORK=off go vet ./...) || exit 1; done

lint: ## check format, vet, staticcheck and the import rules
	@test -z "$$(gofmt -l $(MODULES))" || { gofmt -l $(MODULES); echo 'not formatted: run gofmt -w'; exit 1; }
	go vet work
	go run $(STATICCHECK) $(MODULES:%=./%/...)
	go run ./deploy/importrules

check: lint fuzz ## run lint and each fuzz target

fuzz: ## run each fuzz target for FUZZTIME (10000x)
	@.ci/fuzz $(FUZZTIME)

vulnerabilities: ## look for known vulnerabilities in called code (asks vuln.go.dev)
	for m in $(MODULES); do (cd $$m && GOWORK=off go run $(GOVULNCHECK) ./...) || exit 1; done

golden: ## regenerate the OpenAPI documents, event samples, docs/configuration.md and .env.example
	go test ./pkg/event ./auth-service/internal/httpapi ./passport-service/internal/httpapi ./document-service/internal/httpapi ./notification-service/internal/httpapi -update
	go test ./deploy/e2e -run 'TestSettings|TestEnvExample' -update

bench: ## measure latency, throughput, CPU and memory; BENCH_FLAGS: -quick, -against REVISION (side by side), -soak 10m, -passports 1000000, -write
	go run ./deploy/bench $(BENCH_FLAGS)

chaos: ## inject faults into a suite under load and check that nothing is lost; CHAOS_FLAGS: -target, -duration, -seed
	@go build -o bin/chaos ./deploy/chaos && exec bin/chaos $(CHAOS_FLAGS)

postman: ## run the Postman collection against the running suite (POSTMAN_ENV=compose: in Docker); POSTMAN_FLAGS go to newman
	npx --yes $(NEWMAN) run postman/battery-passport.postman_collection.json -e postman/$(POSTMAN_ENV).postman_environment.json --working-dir postman $(POSTMAN_FLAGS)

schemathesis: export ADMIN_EMAIL ?= admin@nordlicht.example
schemathesis: export ADMIN_PASSWORD ?= correct horse battery
schemathesis: ## test a new suite against its four OpenAPI documents with Schemathesis; needs Python
	@JWT_EXPIRES_IN=24h PASSWORD_COST=10 RATE_LIMIT=0 PUBLIC_RATE_LIMIT=0 AUTH_RATE_LIMIT=0 LOGIN_FAILURES=0 .ci/with-suite deploy/schemathesis/run

.PHONY: help run up seed events reset test e2e race standalone lint check fuzz vulnerabilities golden bench chaos postman schemathesis
