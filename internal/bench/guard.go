package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
)

const (
	costsFile = "internal/bench/costs.json"
	// tolerance is the permitted difference of allocations, which depend on when garbage is collected.
	tolerance = 0.1
	// mostOfFloor is the permitted CPU time for the most errors, as a multiple of the floor's. Busy machines change it.
	mostOfFloor = 1.5
)

// cost is what one operation costs the gateway, without times.
type cost struct {
	Allocations int `json:"allocations"`
	Requests    int `json:"requests"`
	Parts       int `json:"parts"`
	AnswerBytes int `json:"answerBytes"`
}

// benchmarkLine matches a result of BenchmarkErrors; pair matches a value in it.
var (
	benchmarkLine = regexp.MustCompile(`(?m)^BenchmarkErrors/(\d+)(?:-\d+)?\s+\d+\s+(.*)$`)
	pair          = regexp.MustCompile(`([\d.]+) (\S+)/op`)
)

// costs runs BenchmarkErrors of the server and returns the cost by number of
// errors.
func (b *bench) costs(ctx context.Context) (map[string]cost, error) {
	l, err := b.start(ctx, b.upstream)
	if err != nil {
		return nil, err
	}
	defer l.stop()
	queries := map[string]string{}
	for _, n := range sizes {
		queries[strconv.Itoa(n)] = fmt.Sprintf(question, n)
	}
	input, err := json.Marshal(map[string]any{"Settings": l.settings(), "Secret": l.tenant.ClientSecret, "Queries": queries})
	if err != nil {
		return nil, err
	}
	test := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^BenchmarkErrors$", "-benchtime", "50x", "./server")
	test.Env = append(os.Environ(), "GOMAXPROCS=1", "BENCH="+string(input))
	out, err := test.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("BenchmarkErrors: %w: %s", err, out)
	}
	all := map[string]cost{}
	for _, line := range benchmarkLine.FindAllSubmatch(out, -1) {
		values := map[string]int{}
		for _, found := range pair.FindAllSubmatch(line[2], -1) {
			value, err := strconv.ParseFloat(string(found[1]), 64)
			if err != nil {
				return nil, err
			}
			values[string(found[2])] = int(value)
		}
		all[string(line[1])] = cost{values["allocs"], values["requests"], values["parts"], values["answer-bytes"]}
	}
	if len(all) != len(sizes) {
		return nil, fmt.Errorf("BenchmarkErrors has %d of %d results: %s", len(all), len(sizes), out)
	}
	return all, nil
}

// allocations prints the cost of each size, with the allocations per error.
func (b *bench) allocations(ctx context.Context) error {
	costs, err := b.costs(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout)
	for _, n := range sizes {
		c := costs[strconv.Itoa(n)]
		fmt.Fprintf(os.Stdout, "%d errors: %d allocations (%.1f per error), answer of %d bytes\n", n, c.Allocations, float64(c.Allocations)/float64(n), c.AnswerBytes)
	}
	return nil
}

// guard compares the costs with those in costsFile, and the CPU time with the
// floor's.
func (b *bench) guard(ctx context.Context) error {
	got, err := b.costs(ctx)
	if err != nil {
		return err
	}
	if b.update {
		text, err := json.MarshalIndent(got, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(costsFile, append(text, '\n'), 0o644) //nolint:gosec // is committed
	}
	text, err := os.ReadFile(costsFile)
	if err != nil {
		return err
	}
	want := map[string]cost{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&want); err != nil {
		return fmt.Errorf("%s: %w", costsFile, err)
	}
	var changes []string
	for _, n := range sizes {
		was, is := want[strconv.Itoa(n)], got[strconv.Itoa(n)]
		for _, number := range []struct {
			name      string
			was, is   int
			tolerance float64
		}{
			{"allocations", was.Allocations, is.Allocations, tolerance},
			{"upstream requests", was.Requests, is.Requests, 0},
			{"batch parts", was.Parts, is.Parts, 0},
			{"bytes of the answer", was.AnswerBytes, is.AnswerBytes, 0},
		} {
			if change := number.is - number.was; float64(max(change, -change)) > number.tolerance*float64(number.was) {
				changes = append(changes, fmt.Sprintf("%d errors: %s changed from %d to %d", n, number.name, number.was, number.is))
			}
		}
	}
	if len(changes) > 0 {
		return errors.New("costs differ from " + costsFile + ":\n" + strings.Join(changes, "\n") +
			"\nIf this is intended, run: go run ./internal/bench -update guard")
	}
	ratio, err := b.ofFloor(ctx)
	if err == nil && ratio > mostOfFloor {
		ratio, err = b.ofFloor(ctx) // the machine may have been busy
	}
	if err == nil && ratio > mostOfFloor {
		err = fmt.Errorf("%d errors: CPU time is %.2f of the floor's, more than %.2f (mostOfFloor in internal/bench/guard.go), twice", mostErrors, ratio, mostOfFloor)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "costs are as in %s; CPU time for %d errors is %.2f of the floor's\n", costsFile, mostErrors, ratio)
	return nil
}

// ofFloor returns the CPU time of the gateway for the most errors as a
// multiple of the floor's.
func (b *bench) ofFloor(ctx context.Context) (float64, error) {
	l, err := b.start(ctx, b.upstream, "floor", "gateway")
	if err != nil {
		return 0, err
	}
	defer l.stop()
	for range b.rounds {
		for _, s := range l.servers {
			if err := s.measure(ctx, mostErrors, 10); err != nil {
				return 0, err
			}
		}
	}
	return float64(median(l.servers[1].cpu[mostErrors])) / float64(median(l.servers[0].cpu[mostErrors])), nil
}
