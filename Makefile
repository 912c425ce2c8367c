.PHONY: generate check test test-slow bench run e2e

generate: ; go generate ./graph
check: ; .ci/check
test: ; go test ./...
test-slow: ; go test -tags slow ./...
bench: ; go run ./internal/bench
run: ; go run ./server
e2e: ; cd e2e && npm ci --no-audit --no-fund && npm test
