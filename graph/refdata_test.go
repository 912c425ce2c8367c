package graph_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/identity"
)

// startCached starts a gateway with a cache of reference data.
func startCached(t *testing.T, options emulator.Options) *gateway {
	t.Helper()
	g := startGateway(t, options)
	g.life = time.Hour
	g.restart()
	return g
}

// TestCachedGoldenQueries tests that responses are the same when reference data is read for the cache and when it is
// cached, with fewer requests.
func TestCachedGoldenQueries(t *testing.T) {
	t.Parallel()
	g := startCached(t, emulator.Options{})
	saved, hits := 0, 0
	for name, query := range goldenQueries(t) {
		want := readGolden(t, name)
		for _, run := range []string{"read", "cached"} {
			got := g.answerNow(query)
			requests := got.Requests
			if got.Requests = want.Requests; !reflect.DeepEqual(want, got) {
				t.Errorf("%s, %s: (-want +got):\n%s", name, run, difference(want, got))
			}
			if run == "cached" {
				saved += want.Requests - requests
			}
		}
		hits += g.ask(query, nil).Extensions.Upstream.CacheHits
	}
	if hits == 0 || saved <= 0 && !*withoutPrefetch {
		t.Errorf("%d hits, %d requests fewer", hits, saved)
	}
}

// TestCachedQuery tests that a query of reference data sends no request while it is cached, and that the response has
// the age.
func TestCachedQuery(t *testing.T) {
	t.Parallel()
	g := startCached(t, emulator.Options{})
	const query = `{ subscribedSkus { nodes { skuId consumedUnits servicePlans { servicePlanName } allotments { id availableUnits } } } }`
	first := g.ask(query, nil)
	g.tenant.ResetCounts()
	g.waits.pass(time.Minute)
	second := g.ask(query, nil)
	if n := len(g.tenant.Requests()); n != 0 || !reflect.DeepEqual(first.Data, second.Data) || len(second.Errors) > 0 {
		t.Errorf("%d requests: %s", n, second.raw)
	}
	if u := second.Extensions.Upstream; u.Requests != 0 || u.CacheHits != 2 || u.CacheAgeMilliseconds < 60_000 || u.Endpoints["GET /subscribedSkus"].Requests != 0 {
		t.Errorf("%+v", u)
	}
	if u := first.Extensions.Upstream; u.Requests == 0 || u.CacheHits != 0 {
		t.Errorf("first: %+v", u)
	}
}

// TestDeniedCallersGetNothingCached tests that a caller without the permission gets no cached data.
func TestDeniedCallersGetNothingCached(t *testing.T) {
	t.Parallel()
	g := startCached(t, emulator.Options{})
	caller := func(id string, scopes ...string) {
		g.caller = &identity.Caller{TenantID: g.tenantID, ObjectID: id, ClientID: "portal", Scopes: scopes, ScopesAlone: true}
	}
	query := fmt.Sprintf(`{ subscribedSkus { nodes { id skuPartNumber } } allotments { nodes { id } } group(id: %q) { displayName } licensingOverview { products { sku { id } } } }`, g.groupID())
	for _, id := range []string{"11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"} {
		caller(id, read)
		if r := g.ask(query, nil); len(r.Errors) > 0 {
			t.Fatalf("%s", r.raw)
		}
	}
	caller("11111111-0000-4000-8000-000000000003")
	g.tenant.ResetCounts()
	r := g.ask(query, nil)
	for field, value := range r.Data {
		if value != nil {
			t.Errorf("%s is %v", field, value)
		}
	}
	if len(r.Data) != 4 || len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "FORBIDDEN" || r.Errors[0].Extensions["count"] != 4.0 || r.Extensions.Upstream.CacheHits != 0 || len(g.tenant.Requests()) != 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestChangesAreCurrent tests that a change is checked and returned with current data, and that later queries have its
// effect.
func TestChangesAreCurrent(t *testing.T) {
	t.Parallel()
	g := startCached(t, emulator.Options{})
	units := func() float64 {
		t.Helper()
		r := g.ask(`{ subscribedSkus { nodes { skuPartNumber consumedUnits } } }`, nil)
		for _, node := range r.Data["subscribedSkus"].(object)["nodes"].([]any) {
			if node := node.(object); node["skuPartNumber"] == "SPE_E3" {
				return node["consumedUnits"].(float64)
			}
		}
		t.Fatalf("%s", r.raw)
		return 0
	}
	before := units()
	person := g.unlicensed(t, 1)[0]
	g.tenant.ResetCounts()
	r := g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome userErrors { code } } }`, person, skuE3), nil)
	if r.Data["assignLicense"].(object)["outcome"] != "DONE" || r.Extensions.Upstream.CacheHits != 0 || g.sent("GET /subscribedSkus") == 0 {
		t.Errorf("%s", r.raw)
	}
	if after := units(); after != before+1 {
		t.Errorf("%v units, then %v", before, after)
	}
}
