package graph_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/graph/generated"
	"licensegraph/internal/emulator"
	"licensegraph/internal/identity"
)

// columnPair is a gateway that writes columns and one that does not, over the same tenant.
type columnPair struct {
	*gateway
	reference *gateway
	bytes     int
	failed    int // responses with errors
	data      int // responses with data
}

// coolDown is longer than the client stays away from an endpoint that failed.
const coolDown = time.Minute

func startPair(t *testing.T, options emulator.Options) *columnPair {
	t.Helper()
	options.Variants.Throttling.Off = true
	p := &columnPair{gateway: startGateway(t, options)}
	reference := *p.gateway
	reference.withoutColumns, reference.fallbacks = true, &fallbacks{}
	reference.restart()
	p.reference = &reference
	p.learn()
	return p
}

// learn asks for all types, so that both gateways know the capabilities of the tenant. It asks as [columnPair.same] does:
// both gateways then lose the capabilities, which expire, at the same query.
func (p *columnPair) learn() {
	p.reference.ask(poolQuery, nil)
	p.waits.pass(coolDown)
	p.ask(poolQuery, nil)
}

// same compares the responses of both gateways, byte by byte.
// It returns the upstream cost.
func (p *columnPair) same(t *testing.T, query string) map[string][2]int {
	t.Helper()
	p.waits.pass(coolDown)
	want := p.reference.ask(query, nil)
	p.waits.pass(coolDown)
	got := p.ask(query, nil)
	p.bytes += len(got.raw)
	if len(got.Errors) > 0 {
		p.failed++
	}
	if got.Data != nil {
		p.data++
	}
	wantData, wantErrors := sections(t, want.raw)
	gotData, gotErrors := sections(t, got.raw)
	if !bytes.Equal(wantData, gotData) {
		want, got := firstDifference(wantData, gotData)
		t.Fatalf("data of %s\nwithout columns: %s\nwith columns:    %s", query, want, got)
	}
	if wantErrors != gotErrors {
		t.Fatalf("errors of %s\nwithout columns: %s\nwith columns:    %s", query, wantErrors, gotErrors)
	}
	wantCost, gotCost := upstreamOf(want), upstreamOf(got)
	if !*withoutPrefetch && !maps.Equal(wantCost, gotCost) {
		t.Fatalf("upstream of %s\nwithout columns: %v\nwith columns:    %v", query, wantCost, gotCost)
	}
	return gotCost
}

// upstreamOf returns the requests and the parts of a response by endpoint, without tokens.
func upstreamOf(r response) map[string][2]int {
	costs := map[string][2]int{}
	for endpoint, usage := range r.Extensions.Upstream.Endpoints {
		if !strings.HasPrefix(endpoint, tokenEndpoint) {
			costs[endpoint] = [2]int{usage.Requests, usage.BatchParts}
		}
	}
	return costs
}

// firstDifference returns the texts around the first byte that differs.
func firstDifference(a, b []byte) (want, got []byte) {
	const around = 200
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	part := func(text []byte) []byte { return text[max(0, at-around):min(len(text), at+around)] }
	return part(a), part(b)
}

// sections returns the data of a response as sent, and its errors without what depends on the order in which concurrent
// fields fail.
func sections(t *testing.T, raw []byte) (data []byte, errs string) {
	t.Helper()
	var r struct {
		Data   json.RawMessage
		Errors []map[string]any
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	for _, e := range r.Errors {
		extensions, _ := e["extensions"].(map[string]any)
		delete(extensions, "upstreamRequestId")
		if extensions["count"] != nil {
			delete(e, "locations") // of the first
		}
	}
	text, err := json.Marshal(r.Errors)
	if err != nil {
		t.Fatal(err)
	}
	return r.Data, string(text)
}

// needsColumns runs a test in parallel, and skips it without columns. Without the prefetch, errors can depend on which
// fields are read together.
func needsColumns(t *testing.T) {
	t.Helper()
	t.Parallel()
	needsPrefetch(t)
	if *withoutColumns {
		t.Skip("there are no columns")
	}
}

// TestColumnsChangeNothing sends random queries to gateways with and without columns: the bytes of the data, the errors
// and the upstream requests are equal.
func TestColumnsChangeNothing(t *testing.T) {
	needsColumns(t)
	for name, variants := range map[string]emulator.Variants{
		"strict": {}, "both relations expand": {ExpandErrors: "both"}, "no relation expands": {ExpandErrors: "none"},
		"small pages": {PageSize: 3}, "devices": {Devices: true, DevicesListed: true}, "most permissive": variantCases["most permissive"],
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, emulator.Options{Users: 60, Variants: variants})
			q := newRandomQueries(p.gateway, uint64(len(name)))
			for range 20 * *thorough {
				p.same(t, q.next())
			}
			p.report(t)
		})
	}
}

// TestColumnsOfGoldenQueries compares the golden queries with and without columns.
func TestColumnsOfGoldenQueries(t *testing.T) {
	needsColumns(t)
	p := startPair(t, emulator.Options{})
	for _, query := range goldenQueries(t) {
		p.same(t, query)
	}
	p.report(t)
}

// TestColumnsWithDeniedFields compares random queries of callers with few scopes.
func TestColumnsWithDeniedFields(t *testing.T) {
	needsColumns(t)
	p := startPair(t, emulator.Options{Users: 60})
	q := newRandomQueries(p.gateway, 12)
	scopes := []string{"Licenses.Read", "Licenses.ReadErrors", "Licenses.ReadPersonal"}
	for i := range 20 * *thorough {
		caller := &identity.Caller{TenantID: p.tenantID, ObjectID: "11111111-0000-4000-8000-000000000001", ClientID: "portal", Scopes: scopes[:1+i%3], ScopesAlone: true}
		if i%4 == 3 {
			caller.Scopes = []string{"Licenses.Read", "Licenses.ReadPersonal"}
		}
		p.caller, p.reference.caller = caller, caller
		p.same(t, q.next())
	}
	p.report(t)
}

// TestColumnsWithFaults compares random queries over a tenant of which one endpoint fails or returns odd values.
func TestColumnsWithFaults(t *testing.T) {
	needsColumns(t)
	p := startPair(t, emulator.Options{Users: 60})
	q := newRandomQueries(p.gateway, 13)
	for range 20 * *thorough {
		p.forget()
		query := q.next()
		endpoints := slices.Sorted(maps.Keys(p.same(t, query)))
		fault := emulator.Fault{Times: -1}
		if q.chance(50) {
			fault.Set = pick(q, oddValues)
		} else if len(endpoints) > 0 {
			fault.Endpoint, fault.Status = pick(q, endpoints), pick(q, []int{403, 404, 400, 503})
		}
		p.tenant.Inject(fault)
		p.same(t, query)
	}
	p.forget()
	p.report(t)
}

// TestColumnsCountTheSize tests that the limit of a response's size applies at the same byte with and without columns.
func TestColumnsCountTheSize(t *testing.T) {
	needsColumns(t)
	p := startPair(t, emulator.Options{Users: 60})
	q := newRandomQueries(p.gateway, 14)
	p.answerBytes = &atomic.Int64{}
	p.reference.answerBytes = p.answerBytes
	p.restart()
	p.reference.restart()
	p.answerBytes.Store(1 << 30)
	p.learn()
	isWithin := func(g *gateway, query string, size int) bool {
		p.answerBytes.Store(int64(size))
		r := g.ask(query, nil)
		return len(r.Errors) == 0 || r.Errors[0].Extensions["limit"] != "answer"
	}
	least := func(g *gateway, query string) int {
		return sort.Search(1<<26, func(size int) bool { return isWithin(g, query, size) })
	}
	for i := range 6 * *thorough {
		query := q.next()
		p.forget()
		if endpoints := slices.Sorted(maps.Keys(upstreamOf(p.ask(query, nil)))); i%3 == 0 && len(endpoints) > 0 {
			p.tenant.Inject(emulator.Fault{Times: -1, Endpoint: pick(q, endpoints), Status: 403})
		}
		if i == 4 {
			p.caller = &identity.Caller{TenantID: p.tenantID, ObjectID: "11111111-0000-4000-8000-000000000001", ClientID: "portal", Scopes: []string{"Licenses.Read"}, ScopesAlone: true}
			p.reference.caller = p.caller
		}
		size := least(p.reference, query)
		if isWithin(p.gateway, query, size) && (size == 0 || !isWithin(p.gateway, query, size-1)) {
			continue
		}
		// Capabilities that were detected meanwhile change errors: measure both again.
		if want, got := least(p.reference, query), least(p.gateway, query); want != got {
			p.answerBytes.Store(1 << 30)
			t.Errorf("the least limit is %d bytes, and %d without columns, of %s: %s", got, want, query, p.ask(query, nil).raw)
		}
	}
	if p.fallbacks.count[""] == 0 {
		t.Error("no root field was written by columns")
	}
}

// oddValues are properties with values of wrong types.
var oddValues = []map[string]any{
	{"displayName": 5}, {"state": map[string]any{}}, {"lastUpdatedDateTime": "soon"}, {"consumedUnits": "5"}, {"allottedUnits": 1.5},
	{"skuId": 7}, {"skuPartNumber": ""}, {"servicePlanName": ""}, {"servicePlans": nil}, {"subscriptions": "none"}, {"code": ""},
	{"capabilityStatus": nil}, {"assignedLicenses": 3}, {"prepaidUnits": []any{}}, {"disabledPlans": []any{nil}}, {"odataType": nil},
	{"displayName": "a\u2028<b>&\"\\\t\x01\u00e9\U0001F600"}, {"appliesTo": "NEW"}, {"assignableTo": ""},
	{"subscriptionId": ""}, {"servicePlanId": 5}, {"servicePlanId": ""}, {"planId": ""}, {"message": ""}, {"id": 9}, {"skuId": ""},
}

// report checks that the comparison covered something.
func (p *columnPair) report(t *testing.T) {
	t.Helper()
	written, all := 0, 0
	for reason, n := range p.fallbacks.count {
		if all += n; reason == "" {
			written = n
		}
	}
	t.Logf("%d bytes, %d responses with errors, %d with data, %d of %d root fields written by columns: %v", p.bytes, p.failed, p.data, written, all, p.fallbacks.count)
	if written*10 < all*7 || p.data == 0 {
		t.Errorf("the test covers little: %d of %d root fields were written by columns", written, all)
	}
	if len(p.reference.fallbacks.count) > 0 {
		t.Error("the reference writes columns")
	}
}

// TestFieldMiddleware tests that no other code intercepts fields: columns would bypass it. A new field middleware has to
// become a rule of write_columns.go, and be listed here.
func TestFieldMiddleware(t *testing.T) {
	t.Parallel()
	known := map[string]int{"graph/operation.go": 5, "internal/limits/response.go": 1}
	got := map[string]int{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		for _, way := range []string{".ResolverMiddleware = ", "AroundFields(", "InterceptField("} {
			if n := bytes.Count(code, []byte(way)); n > 0 {
				got[filepath.ToSlash(strings.TrimPrefix(path, "../"))] += n
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference(known, got); diff != "" {
		t.Errorf("field middleware by file (-known +found):\n%s", diff)
	}
}

// TestEveryFieldHasAColumn tests that each field of the schema has a column, or a reason for which gqlgen's executor
// resolves it.
func TestEveryFieldHasAColumn(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"Query._service": "introspection",
		"Query.__schema": "introspection", "Query.__type": "introspection",
	}
	got := maps.Clone(generated.Uncovered)
	maps.DeleteFunc(got, func(_, reason string) bool { return reason == "not in queries" })
	if diff := difference(want, got); diff != "" {
		t.Errorf("fields without a column (-want +got):\n%s", diff)
	}
	for name := range generated.Uncovered {
		typeName, field, _ := strings.Cut(name, ".")
		if generated.NewExecutableSchema(generated.Config{}).Schema().Types[typeName].Fields.ForName(field) == nil {
			t.Errorf("%s is not in the schema", name)
		}
	}
}
