MODULES     = pkg auth-service passport-service document-service notification-service deploy
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
TIMEOUT     = 10m
FUZZTIME    = 10000x
GOVULNCHECK = golang.org/x/vuln/cmd/govulncheck@v1.9.0
NEWMAN      = newman@6.2.2
POSTMAN_ENV = local

help: ## print this list
	@awk -F ':.*## ' '/^## / { printf "\n%s\n", substr($$0, 4) } /^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Run

run: ## run the suite on this machine, with its data in ./data
	@test -e bin/local || echo 'Building. The first build downloads modules and takes some minutes.'
	@go build -o bin/local ./deploy/local && exec bin/local

seed: ## add sample people, passports and documents to the running suite
	@go run ./deploy/seed

import: ## import passports from FILE (.ndjson, .json, .csv, .xlsx, .zip, .aasx, .jwt; IMPORT_FLAGS)
	@go run ./deploy/import $(IMPORT_FLAGS) "$(FILE)"

events: ## print the Kafka events of the running suite
	@go build -o bin/events ./deploy/events && exec bin/events

reset: ## delete the data of make run
	@go build -o bin/local ./deploy/local && exec bin/local reset

up: export VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
up: export COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null)
up: ## run the suite in Docker, with MongoDB, Kafka and MinIO
	docker compose up --build -d --wait || { docker compose logs --no-log-prefix check-passwords; exit 1; }

## Test

test: ## test all modules
	go test -timeout $(TIMEOUT) work

e2e: ## test the suite as a whole, or a running one (AUTH_URL, PASSPORT_URL, …)
	go test -count=1 -timeout $(TIMEOUT) ./deploy/e2e

e2e-browser: ## test pages and codes with Chromium, Lighthouse, zxing-cpp and other third-party tools
	JUDGES=$$(deploy/judges/install.sh) go test -count=1 -timeout $(TIMEOUT) ./deploy/e2e -run 'Browser|Codes|Symbols|Pages|PageWith|Language'

labels: ## list where our own labels differ from those of DPPKeystone, for a review of the languages
	go test -count=1 ./passport-service/internal/labels -run Keystone -v

# Long tests without concurrency. make test runs them.
SEQUENTIAL  = TestAcceptedDataHasTheSchema TestBombs TestEveryRuleReportsViolations TestExamples TestForeignFormatsComeBack \
  TestImportOfExportGivesTheSameData TestImportRefusesBadTables TestNDJSONResponsesAreBounded \
  TestNoPrivilegeEscalation TestOriginalCollection TestProgramsExplainThemselves \
  TestPublicResponsesDoNotRevealRestrictedData TestReadsOfManyPassportsNeedBoundedMemory TestRoleMatrix \
  TestScopesAreEnforced TestSecurityPageErrorsAreFound TestServicesAndClientsDoNotExhaustEachOther \
  TestTemplateIsFilledInAndImported
space       = $() $()

race: ## test all modules with the race detector
	go test -race -skip '^($(subst $(space),|,$(strip $(SEQUENTIAL))))$$' -timeout $(TIMEOUT) work

standalone: ## build and vet each module without the workspace
	for m in $(MODULES); do (cd $$m && GOWORK=off go vet ./...) || exit 1; done

asyncapi: ## validate the AsyncAPI document and the event samples (needs Node.js)
	deploy/events/check/run

schemas: ## validate the JSON Schemas of passports, and samples with them (needs Node.js and Python)
	deploy/schemas/check

postman: ## run the Postman collection against the running suite
	npx --yes $(NEWMAN) run postman/battery-passport.postman_collection.json -e postman/$(POSTMAN_ENV).postman_environment.json --working-dir postman $(POSTMAN_FLAGS)

openapi: ## check and join the OpenAPI documents (needs Node.js; OPENAPI_FLAGS=-update)
	deploy/openapi/check $(OPENAPI_FLAGS)

clients: ## run a journey with generated clients in TypeScript, Go, Python and Java (LANGUAGES)
	deploy/clients/run $(LANGUAGES)

oauth: ## get and verify access tokens with OAuth libraries (needs Node.js and Python)
	deploy/oauth/check

schemathesis: export ADMIN_EMAIL ?= admin@nordlicht.example
schemathesis: export ADMIN_PASSWORD ?= correct horse battery
schemathesis: ## test the OpenAPI documents with Schemathesis (needs Python)
	@JWT_EXPIRES_IN=24h PASSWORD_COST=10 RATE_LIMIT=0 PUBLIC_RATE_LIMIT=0 AUTH_RATE_LIMIT=0 LOGIN_FAILURES=0 .ci/with-suite deploy/schemathesis/run

formats: ## check documents of other data models with third-party tools (needs Python)
	@judges=$$(deploy/formats/install) && FORMAT_JUDGES=$$judges go test -count=1 -v ./passport-service/internal/format/registry -run Judges

chaos: ## inject faults under load and check that no data is lost (CHAOS_FLAGS)
	@go build -o bin/chaos ./deploy/chaos && exec bin/chaos $(CHAOS_FLAGS)

bench: ## measure latency, throughput, CPU and memory (BENCH_FLAGS)
	go run ./deploy/bench $(BENCH_FLAGS)

## Check

lint: ## check format, vet, staticcheck, import rules and language
	@test -z "$$(gofmt -l $(MODULES))" || { gofmt -l $(MODULES); echo 'not formatted: run gofmt -w'; exit 1; }
	go vet work
	go run $(STATICCHECK) $(MODULES:%=./%/...)
	go run ./deploy/importrules
	go run ./deploy/words

importrules: ## check imports between packages, and the size of files and functions
	@go run ./deploy/importrules

words: ## check that comments, messages and documents are plain English
	@go run ./deploy/words

fuzz: ## run each fuzz target FUZZTIME times (10000x)
	@.ci/fuzz $(FUZZTIME)

check: lint fuzz ## run lint and fuzz

vulnerabilities: ## search the called code for known vulnerabilities (needs a network)
	for m in $(MODULES); do (cd $$m && GOWORK=off go run $(GOVULNCHECK) ./...) || exit 1; done

## Generate

golden: ## regenerate examples, OpenAPI documents, JSON Schemas, event samples, settings table and .env.example
	go test ./deploy/e2e -run TestExamples -update
	go test ./pkg/event ./auth-service/internal/httpapi ./passport-service/internal/httpapi ./document-service/internal/httpapi ./notification-service/internal/httpapi -update
	go test ./deploy/e2e -run 'TestSettings|TestEnvExample|TestKafkaRules' -update

.PHONY: help run seed import events reset up test e2e e2e-browser labels race standalone asyncapi schemas postman openapi clients oauth schemathesis formats chaos bench lint importrules words fuzz check vulnerabilities golden
