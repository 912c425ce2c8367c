package graph_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"licensegraph/graph"
	"licensegraph/internal/emulator"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

// trap is an upstream that panics for chosen reads.
type trap struct {
	*msgraph.Operation
	in      string
	batches *atomic.Int32
}

// sprung is the panic value, which may be personal data.
const sprung = "the phone number of Adele Vance"

func (u trap) Batch() upstream.Batch {
	if u.in == "making a batch" {
		panic(sprung)
	}
	return trapBatch{u.Operation.Batch().(*msgraph.Batch), u}
}

type trapBatch struct {
	*msgraph.Batch
	from trap
}

func (b trapBatch) Do(ctx context.Context) {
	n := b.from.batches.Add(1)
	if b.from.in == "sending a batch" || b.from.in == "sending the second batch" && n == 2 {
		panic(sprung)
	}
	b.Batch.Do(ctx)
	if b.from.in == "reading the second batch" && n == 2 {
		panic(sprung)
	}
}

// TestPanic tests a panic of the upstream. The client gets one INTERNAL error without details and the remaining data;
// the log has one line with the origin and no personal data.
func TestPanic(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	const (
		all = `{
			assignmentErrors(first: 5) { nodes { id usageRight { id holderId } } }
			users(first: 5) { nodes { id usageRights { id } } }
			subscribedSkus { nodes { skuId } }
		}`
		people = `{ users(first: 5) { nodes { id usageRights { id } assignmentErrors { id } } } }`
		errs   = "users.nodes.#.assignmentErrors"
		rights = "users.nodes.#.usageRights"
	)
	roots := []string{"assignmentErrors", "users", "subscribedSkus"}
	for _, tt := range []struct {
		in    string
		query string
		lost  []string
		count int
	}{
		{"making a batch", all, roots, 3},
		{"sending a batch", all, roots, 3},
		{"sending the second batch", people, []string{rights, errs}, 10},
		{"reading the second batch", people, []string{rights, errs}, 10},
	} {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 50})
			whole := g.warm(tt.query)
			g.begin = func(o *msgraph.Operation) graph.Upstream { return trap{o, tt.in, &atomic.Int32{}} }
			g.restart()

			r := g.ask(tt.query, nil)
			want := without(t, whole, "")
			for _, path := range tt.lost {
				lose(want, strings.Split(path, "."))
			}
			for i := range r.Errors {
				if !slices.Contains(tt.lost, pattern(r.Errors[i].Path)) {
					t.Errorf("an error at %v", r.Errors[i].Path)
				}
				r.Errors[i].Path = nil // of any edge
			}
			g.fails(t, r, want, clientError{Code: "INTERNAL", Count: tt.count})
			if len(r.Errors) > 0 && r.Errors[0].Message != "Internal error." {
				t.Errorf("says %q", r.Errors[0].Message)
			}
			said := g.log.String()
			if lines := strings.Count(said, "\n"); lines != 1 || !strings.Contains(said, "panic") || !strings.Contains(said, "licensegraph/") {
				t.Errorf("%d lines in the log: %s", lines, said)
			}
			if strings.Contains(said, "Adele") || strings.Contains(string(r.raw), "Adele") {
				t.Errorf("the panic value is returned: %s %s", said, r.raw)
			}
			if r := g.ask(`{ __typename }`, nil); len(r.Errors) > 0 {
				t.Errorf("afterwards: %s", r.raw)
			}
		})
	}
}

// TestImpossibleNumber tests out-of-range number literals.
func TestImpossibleNumber(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 20})
	for _, query := range []string{
		`{ _entities(representations: [{__typename: "User", id: 99999999999999999999999}]) { __typename } }`,
		`{ _entities(representations: [{__typename: "User", id: 1e999}]) { __typename } }`,
		`{ nodes(ids: [99999999999999999999999]) { id } }`,
		`{ users(first: 99999999999999999999999) { nodes { id } } }`,
	} {
		if r := g.ask(query, nil); len(r.Errors) == 0 {
			t.Errorf("%s: %s", query, r.raw)
		}
		if r := g.ask(`{ __typename }`, nil); difference(map[string]any{"__typename": "Query"}, r.Data) != "" {
			t.Fatalf("afterwards: %s", r.raw)
		}
	}
	if got := g.tenant.Counts(); len(got) > 0 {
		t.Errorf("upstream requests: %v", got)
	}
}
