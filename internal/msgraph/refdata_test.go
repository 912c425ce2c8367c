package msgraph

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/refdata"
	"licensegraph/internal/upstream"
)

// cached is a client with a cache of reference data, whose values live a minute.
type cached struct {
	*Client
	*service
	t      *testing.T
	passed atomic.Int64
	stored chan string // keys
}

// notes is a store that reports the stored keys.
type notes struct {
	refdata.Store
	stored chan string
}

func (n notes) Set(ctx context.Context, key string, e refdata.Entry, life time.Duration) error {
	defer func() { n.stored <- key }()
	return n.Store.Set(ctx, key, e, life)
}

func newCached(t *testing.T, answer func(call) reply, changes ...func(*Options)) *cached {
	t.Helper()
	c := &cached{service: newService(t, answer), t: t, stored: make(chan string, 1000)}
	start := time.Now()
	now := func() time.Time { return start.Add(time.Duration(c.passed.Load())) }
	references := refdata.New(refdata.Options{
		Store: notes{refdata.NewMemory(1<<20, now), c.stored}, Scope: "app/t", Life: time.Minute, Now: now, Logger: slog.New(slog.DiscardHandler),
	})
	c.Client = c.client(t, append(changes, func(o *Options) { o.Reference = references })...)
	t.Cleanup(c.Close)
	return c
}

func (c *cached) pass(d time.Duration) { c.passed.Add(int64(d)) }

// lists is what a batch reads: the names of the products, and of the groups by ID.
type lists struct {
	skus   []string
	err    error
	groups map[string]string
	failed map[string]error
}

// read reads products and groups in an operation.
func (c *cached) read(o *Operation, groups ...string) lists {
	return c.readWith(c.t.Context(), o, []string{"displayName"}, groups...)
}

func (c *cached) readWith(ctx context.Context, o *Operation, properties []string, groups ...string) lists {
	l := lists{groups: map[string]string{}, failed: map[string]error{}}
	b := o.newBatch()
	b.allSubscribedSkus(upstream.Selection{Properties: []string{"skuPartNumber"}}, func(skus []*licensing.SubscribedSku, err error) {
		for _, sku := range skus {
			l.skus = append(l.skus, text(sku.SkuPartNumber))
		}
		l.err = err
	})
	if len(groups) > 0 {
		b.groupsByID(groups, upstream.Selection{Properties: properties}, func(id string, group *licensing.Group, err error) {
			if err != nil {
				l.failed[id] = err
				return
			}
			l.groups[id] = text(group.DisplayName)
		})
	}
	b.Do(ctx)
	return l
}

func text(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}

// directory answers with two pages of products, and with groups named after their IDs.
func directory(version *atomic.Int64) func(call) reply {
	return func(c call) reply {
		switch {
		case c.path == "/subscribedSkus" && strings.Contains(c.query, "page"):
			return ok(fmt.Sprintf(`{"value":[{"id":"b","skuPartNumber":"B%[1]d"},{"id":"c","skuPartNumber":"C%[1]d"}]}`, version.Load()))
		case c.path == "/subscribedSkus":
			return ok(fmt.Sprintf(`{"value":[{"id":"a","skuPartNumber":"A%[1]d"},{"id":"b","skuPartNumber":"B%[1]d"}],"@odata.nextLink":"http://%[2]s/beta/subscribedSkus?page=2"}`, version.Load(), c.header.Get("Host")))
		case c.path == "/directoryObjects/getByIds":
			var found []string
			for _, id := range []string{"g1", "g2", "g3"} {
				if strings.Contains(c.body, `"`+id+`"`) {
					found = append(found, fmt.Sprintf(`{"@odata.type":"#microsoft.graph.group","id":%q,"displayName":"%[1]s v%d"}`, id, version.Load()))
				}
			}
			return ok(`{"value":[` + strings.Join(found, ",") + `]}`)
		case c.path == "/groups/odd":
			return ok(`{"id":"odd","displayName":3}`)
		case c.path == "/groups/g9":
			return gone
		case strings.HasPrefix(c.path, "/groups/"):
			return ok(fmt.Sprintf(`{"id":%q,"displayName":"%[1]s v%d"}`, strings.TrimPrefix(c.path, "/groups/"), version.Load()))
		}
		return succeed(c)
	}
}

// linked answers like answer, with the service's address in next links.
func linked(address *atomic.Value, answer func(call) reply) func(call) reply {
	return func(c call) reply {
		r := answer(c)
		if a, ok := address.Load().(string); ok {
			r.body = strings.ReplaceAll(r.body, "http:///beta", a+"/beta")
		}
		return r
	}
}

// newDirectory returns a cached client of a directory, and the version of its data.
func newDirectory(t *testing.T, changes ...func(*Options)) (*cached, *atomic.Int64) {
	t.Helper()
	version, address := &atomic.Int64{}, &atomic.Value{}
	c := newCached(t, linked(address, directory(version)), changes...)
	address.Store(c.URL)
	return c, version
}

func (c *cached) check(what string, got, want any) {
	c.t.Helper()
	if !reflect.DeepEqual(got, want) {
		c.t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// TestReferenceData tests that a hit sends no request, that stale data is served while one read refreshes it, and that
// older data is read.
func TestReferenceData(t *testing.T) {
	t.Parallel()
	c, version := newDirectory(t)
	all := map[string]string{"g1": "g1 v0", "g2": "g2 v0"}
	first := c.Begin()
	got := c.read(first, "g1", "g2")
	c.check("first", []any{got.skus, got.groups, got.err}, []any{[]string{"A0", "B0", "C0"}, all, nil})
	c.check("requests", c.texts(), []string{"GET /subscribedSkus?$select=id,skuPartNumber", "POST /directoryObjects/getByIds?$select=displayName,id", "GET /subscribedSkus?page=2"})
	report := first.Report()
	if report.BatchParts != 2 || report.Requests != 3 || report.CacheHits != 0 { // with the token
		t.Errorf("first: %+v", report)
	}
	if _, tokens := c.asked(); tokens != 1 {
		t.Errorf("%d tokens", tokens)
	}

	version.Add(1)
	c.pass(59 * time.Second)
	second := c.Begin()
	got = c.read(second, "g1", "g2")
	c.check("hits", []any{got.skus, got.groups, got.err}, []any{[]string{"A0", "B0", "C0"}, all, nil})
	report = second.Report()
	want := upstream.Report{Usage: upstream.Usage{CacheHits: 3}, CacheAgeMilliseconds: 59_000, Endpoints: map[string]upstream.Usage{
		subscribedSkusEndpoint: {CacheHits: 1}, groupEndpoint: {CacheHits: 2},
	}}
	c.check("hits", report, want)
	got = c.read(c.Begin(), "g1", "g3", "g9")
	c.check("some hits", got.groups, map[string]string{"g1": "g1 v0", "g3": "g3 v1"})
	c.check("requests", c.texts(), []string{"POST /directoryObjects/getByIds?$select=displayName,id"})
	if seen := len(c.stored); seen != 4 {
		t.Errorf("%d values were stored", seen)
	}
	for range 4 {
		<-c.stored
	}

	c.pass(time.Second)
	got = c.read(c.Begin(), "g1")
	c.check("stale", []any{got.skus, got.groups}, []any{[]string{"A0", "B0", "C0"}, map[string]string{"g1": "g1 v0"}})
	<-c.stored
	<-c.stored
	got = c.read(c.Begin(), "g1")
	c.check("refreshed", []any{got.skus, got.groups}, []any{[]string{"A1", "B1", "C1"}, map[string]string{"g1": "g1 v1"}})
	c.check("requests", c.texts(), []string{"GET /subscribedSkus?$select=id,skuPartNumber", "GET /groups/g1?$select=displayName,id", "GET /subscribedSkus?page=2"})

	version.Add(1)
	c.pass(2 * time.Minute)
	got = c.read(c.Begin())
	c.check("expired", got.skus, []string{"A2", "B2", "C2"})
	c.check("requests", c.texts(), []string{"GET /subscribedSkus?$select=id,skuPartNumber", "GET /subscribedSkus?page=2"})
}

// TestUncached tests what is not cached: other properties, a missing group, an unreadable name, reads on behalf of users, and reads of
// changes.
func TestUncached(t *testing.T) {
	t.Parallel()
	c, _ := newDirectory(t)
	for _, properties := range [][]string{{"assignedLicenses"}, {"displayName", "licenseProcessingState"}, {"securityEnabled"}} {
		for range 2 {
			c.texts()
			got := c.readWith(t.Context(), c.Begin(), properties, "g1")
			if n := len(got.groups); n != 1 || !slices.ContainsFunc(c.texts(), func(s string) bool { return strings.HasPrefix(s, "GET /groups/g1") }) {
				t.Errorf("%s: %d groups, or no request", properties, n)
			}
		}
	}
	c.texts()
	for range 2 {
		got := c.read(c.Begin(), "g9")
		if !errors.Is(got.failed["g9"], upstream.ErrNotFound) {
			t.Errorf("missing: %v", got.failed)
		}
	}
	c.check("missing", c.texts(), []string{"GET /groups/g9?$select=displayName,id", "GET /groups/g9?$select=displayName,id"})

	for range 2 {
		b := c.Begin().newBatch()
		b.groupsByID([]string{"odd"}, upstream.Selection{Properties: []string{"displayName"}}, func(_ string, group *licensing.Group, err error) {
			if err != nil || group.ReadError("displayName") == nil {
				t.Errorf("unreadable: %v, %v", group, err)
			}
		})
		b.Do(t.Context())
	}
	c.texts()

	c.read(c.Begin(), "g1")
	c.texts()
	own := c.Begin()
	own.ReadUncached()
	c.read(own, "g1")
	c.read(c.BeginOnBehalfOf(identity.Key{TenantID: "t", ObjectID: "u"}, c.Client.tokens), "g1")
	if n := len(c.texts()); n != 6 {
		t.Errorf("%d requests", n)
	}
	if hits := own.Report().CacheHits; hits != 0 {
		t.Errorf("%d hits", hits)
	}
}

// TestIncompleteListsAreNotCached tests that a list with a failed page or group is not cached.
func TestIncompleteListsAreNotCached(t *testing.T) {
	t.Parallel()
	address := &atomic.Value{}
	var fails atomic.Bool
	answer := directory(&atomic.Int64{})
	c := newCached(t, linked(address, func(c call) reply {
		if fails.Load() && (c.query == "page=2" || strings.HasPrefix(c.path, "/groups")) {
			return forbidden
		}
		return answer(c)
	}))
	address.Store(c.URL)
	fails.Store(true)
	for range 2 {
		o := c.Begin()
		got := c.read(o, "g1")
		if !errors.Is(got.err, upstream.ErrForbidden) || !errors.Is(got.failed["g1"], upstream.ErrForbidden) || got.skus != nil {
			t.Errorf("%v, %v", got.err, got.failed)
		}
		authorized(t, o)
	}
	if n := len(c.texts()); n != 6 {
		t.Errorf("%d requests", n)
	}
	fails.Store(false)
	c.check("afterwards", c.read(c.Begin(), "g1").skus, []string{"A0", "B0", "C0"})
}

// TestOddElementsAreCached tests that a cached list has the same elements, and as many are left out, as the list that
// was read.
func TestOddElementsAreCached(t *testing.T) {
	t.Parallel()
	c := newCached(t, func(call) reply {
		return ok(`{"value":[{"id":"a","skuPartNumber":"A"},null,{"id":"b","skuPartNumber":3},{"skuPartNumber":"no ID"},{"id":"é\u0022","skuPartNumber":"\ud83d\ude00"}]}`)
	})
	for _, hits := range []int{0, 1} {
		o := c.Begin()
		b := o.newBatch()
		b.allSubscribedSkus(upstream.Selection{Properties: []string{"skuPartNumber"}}, func(skus []*licensing.SubscribedSku, err error) {
			if err != nil || len(skus) != 3 || skus[1].ReadError("skuPartNumber") == nil || skus[2].ID != `é"` || text(skus[2].SkuPartNumber) != "😀" {
				t.Errorf("%d hits: %v, %v", hits, skus, err)
			}
		})
		b.Do(t.Context())
		if report := o.Report(); report.CacheHits != hits || report.LeftOut[subscribedSkusEndpoint] != 2 {
			t.Errorf("%+v", report)
		}
	}
}

// TestAllotmentsAreCached tests that allotments are cached by their properties.
func TestAllotmentsAreCached(t *testing.T) {
	t.Parallel()
	c := newCached(t, func(call) reply { return ok(`{"value":[{"id":"p","allottedUnits":5}]}`) })
	for _, properties := range [][]string{{"allottedUnits"}, {"allottedUnits", "assignments"}, {"consumedUnits"}} {
		b := c.Begin().newBatch()
		b.allAllotments(upstream.Selection{Properties: properties}, func(allotments []*licensing.Allotment, err error) {
			if err != nil || len(allotments) != 1 || *allotments[0].AllottedUnits != 5 {
				t.Errorf("%v, %v", allotments, err)
			}
		})
		b.Do(t.Context())
	}
	c.check("requests", c.texts(), []string{
		"GET /admin/cloudLicensing/allotments?$select=allottedUnits,id", "GET /admin/cloudLicensing/allotments?$select=consumedUnits,id",
	})
}

// TestChangesInvalidate tests that a change discards the cached data of the tenant, also that of a refresh in progress.
func TestChangesInvalidate(t *testing.T) {
	t.Parallel()
	version, address := &atomic.Int64{}, &atomic.Value{}
	answer := directory(version)
	var blocked atomic.Pointer[chan struct{}]
	asked := make(chan struct{}, 10)
	c := newCached(t, linked(address, func(c call) reply {
		r := answer(c) // before the change
		if wait := blocked.Load(); wait != nil && c.path == "/subscribedSkus" {
			asked <- struct{}{}
			<-*wait
		}
		return r
	}))
	address.Store(c.URL)
	change := func() {
		t.Helper()
		results := c.Begin().Write(t.Context(), []licensing.Write{licensing.ReprocessLicenseAssignment{UserID: "u"}})
		if results[0].Err != nil {
			t.Fatal(results[0].Err)
		}
		version.Add(1)
	}
	c.read(c.Begin(), "g1")
	change()
	got := c.read(c.Begin(), "g1")
	c.check("after a change", []any{got.skus[0], got.groups["g1"]}, []any{"A1", "g1 v1"})

	c.pass(time.Minute)
	wait := make(chan struct{})
	blocked.Store(&wait)
	c.check("stale", c.read(c.Begin()).skus[0], "A1")
	<-asked
	blocked.Store(nil)
	change()
	close(wait)
	c.check("after a change", c.read(c.Begin(), "g1").groups["g1"], "g1 v2")
	for range 7 { // three reads of both, and the refresh of the products
		<-c.stored
	}
	c.check("after the refresh", c.read(c.Begin()).skus[0], "A2")
}

// TestSharedReferenceData tests that concurrent operations share a read that one of them started, though it leaves, and
// that only this operation has its cost.
func TestSharedReferenceData(t *testing.T) {
	t.Parallel()
	wait, asked := make(chan struct{}), make(chan struct{}, 10)
	c := newCached(t, func(call) reply {
		asked <- struct{}{}
		<-wait
		return ok(`{"value":[{"id":"a","skuPartNumber":"A"}]}`)
	})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan lists)
	starter := c.Begin()
	go func() { left <- c.readWith(ctx, starter, nil) }()
	<-asked
	leave()
	if got := <-left; got.skus != nil || got.err != nil {
		t.Errorf("left with %v", got)
	}
	const n = 8
	results := make(chan lists, n)
	operations := make([]*Operation, n)
	for i := range operations {
		operations[i] = c.Begin()
		go func() { results <- c.readWith(t.Context(), operations[i], nil) }()
	}
	close(wait)
	for range n {
		c.check("shared", (<-results).skus, []string{"A"})
	}
	for _, o := range operations {
		if report := o.Report(); report.CacheHits != 1 || report.Requests != 0 {
			t.Errorf("%+v", report)
		}
	}
	if n := len(c.texts()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// TestRefreshHasNoOperation tests that a refresh in the background is not part of the cost of an operation.
func TestRefreshHasNoOperation(t *testing.T) {
	t.Parallel()
	c, _ := newDirectory(t)
	c.read(c.Begin())
	c.pass(time.Minute)
	o := c.Begin()
	c.read(o)
	<-c.stored
	<-c.stored
	c.Close()
	if report := o.Report(); report.Requests != 0 || report.CacheHits != 1 {
		t.Errorf("%+v", report)
	}
}

// TestSharedErrors tests, for the race detector, that operations that share a failed read have an error each.
func TestSharedErrors(t *testing.T) {
	t.Parallel()
	wait := make(chan struct{})
	c := newCached(t, func(call) reply {
		<-wait
		return gone
	})
	results := make(chan lists)
	for range 8 {
		go func() { results <- c.read(c.Begin()) }()
	}
	close(wait)
	var errs []error
	for range 8 {
		got := <-results
		if !errors.Is(got.err, upstream.ErrNotOffered) || slices.Contains(errs, got.err) {
			t.Errorf("%v", got.err)
		}
		errs = append(errs, got.err)
	}
}

// TestBudgetOfReferenceData tests that the requests for the cache count against the limit of the operation.
func TestBudgetOfReferenceData(t *testing.T) {
	t.Parallel()
	c, _ := newDirectory(t, func(o *Options) { o.RequestsPerOperation = 3 })
	o := c.Begin()
	c.check("within the limit", c.read(o, "g1").err, nil) // two pages and a group
	c.pass(2 * time.Minute)
	got := c.read(o, "g2")
	if !errors.Is(got.err, upstream.ErrBudget) || !errors.Is(got.failed["g2"], upstream.ErrBudget) {
		t.Errorf("beyond the limit: %v, %v", got.err, got.failed)
	}
	if n := len(c.texts()); n != 3 {
		t.Errorf("%d requests", n)
	}
}

// TestClosedClient tests that reads continue without the cache after Close.
func TestClosedClient(t *testing.T) {
	t.Parallel()
	c, _ := newDirectory(t)
	c.Close()
	for range 2 {
		got := c.read(c.Begin(), "g1", "g2")
		c.check("closed", []any{len(got.skus), len(got.groups)}, []any{3, 2})
	}
	if n := len(c.texts()); n != 6 {
		t.Errorf("%d requests", n)
	}
}
