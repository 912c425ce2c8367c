package graph_test

import (
	"fmt"
	"os"
	"regexp"
	"testing"

	"licensegraph/internal/emulator"
)

// upstreamCost is a number of requests, batch parts and resource units.
type upstreamCost struct{ Requests, Parts, Units int }

// costRow matches a row of the table of upstream costs: the query, the least cost, the cost, and the reason for the
// difference.
var costRow = regexp.MustCompile(`(?m)^\| ([a-z-]+) \| (\d+ \| \d+ \| \d+) \| (\d+ \| \d+ \| \d+) \| (.*)\|$`)

// TestUpstreamCostTable tests that docs/performance.md has the cost of each golden query, and a reason where it is more than
// the least. It takes the lowest cost of a few runs, as TestGoldenQueries.
func TestUpstreamCostTable(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	text, err := os.ReadFile("../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for _, row := range costRow.FindAllStringSubmatch(string(text), -1) {
		rows[row[1]] = row[2:]
	}
	queries := goldenQueries(t)
	for name := range rows {
		if queries[name] == "" {
			t.Errorf("there is no query %s", name)
		}
	}
	g := startGateway(t, emulator.Options{})
	for name, query := range queries {
		t.Run(name, func(t *testing.T) {
			g.answerOf(query)
			var cost upstreamCost
			for range 3 {
				g.forget()
				u := g.ask(query, nil).Extensions.Upstream
				if cost.Requests == 0 || u.Requests < cost.Requests {
					cost = upstreamCost{u.Requests, u.BatchParts, u.ResourceUnits}
				}
			}
			row := rows[name]
			if row == nil {
				t.Fatalf("docs/performance.md has no row for this query, which used %+v", cost)
			}
			least, used := costOf(t, row[0]), costOf(t, row[1])
			if used != cost {
				t.Errorf("docs/performance.md has %+v, used %+v", used, cost)
			}
			if least.Requests > used.Requests || least.Parts > used.Parts || least.Units > used.Units {
				t.Errorf("less than the least: %+v, %+v", used, least)
			}
			if reason := row[2] != ""; reason != (least != used) {
				t.Errorf("used %+v, least %+v, with a reason: %v", used, least, reason)
			}
		})
	}
}

// costOf parses three columns of a row.
func costOf(t *testing.T, columns string) (c upstreamCost) {
	t.Helper()
	if _, err := fmt.Sscanf(columns, "%d | %d | %d", &c.Requests, &c.Parts, &c.Units); err != nil {
		t.Fatal(err)
	}
	return c
}
