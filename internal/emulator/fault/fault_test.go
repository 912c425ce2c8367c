package fault

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"licensegraph/internal/emulator/wire"
)

func known(endpoint string) bool {
	return slices.Contains([]string{"GET /users", "GET /users/{id}", "GET /groups", "POST /$batch", wire.TokenLabel}, endpoint)
}

func TestWrongFaults(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]Fault{
		"rate": {Rate: 1.1}, "status": {Status: 99}, "spread": {Spread: "normal"}, "page": {Page: "x"}, "damage": {Damage: "x"},
		"until": {From: 2, Until: 1}, "delay": {Delay: -1}, "stall": {Stall: 25 * time.Hour}, "every": {Every: -1},
		"endpoint": {Endpoint: "GET /user"}, "endpoint of another version": {Endpoint: "GET /v1.0/users"},
		"header": {Header: map[string]string{"a b": ""}}, "header value": {Header: map[string]string{"a": "b\r\nc: d"}},
	} {
		if err := f.validate(known); err == nil || !strings.HasPrefix(err.Error(), strings.Fields(name)[0]+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, endpoint := range []string{"", "GET /users/{id}", "POST /$batch", wire.TokenLabel} {
		if err := (Fault{Endpoint: endpoint, Times: -1, Skew: -time.Hour, Rate: 1, Status: 503}).validate(known); err != nil {
			t.Error(err)
		}
	}
}

// TestFaultTexts parses faults from flags, and compares the result with that
// of their JSON form.
func TestFaultTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Fault{
		"endpoint=GET /users,status=503,rate=0.1,seed=7":                       {Endpoint: "GET /users", Status: 503, Rate: 0.1, Seed: 7},
		"contains=$select=id,mail&$top=5,cut":                                  {Contains: "$select=id,mail&$top=5", Cut: true},
		"header.Location=/a=b,status=410,method=GET":                           {Header: map[string]string{"Location": "/a=b"}, Status: 410, Method: "GET"},
		"delay=1.5s,spread=exponential,maxDelay=1m":                            {Delay: 1500 * time.Millisecond, Spread: "exponential", MaxDelay: time.Minute},
		"set.state=future,set.skuId=null,set.units=5,add.new={\"a\":1}":        {Set: map[string]any{"state": "future", "skuId": nil, "units": 5.0}, Add: map[string]any{"new": map[string]any{"a": 1.0}}},
		"omit=id, skuId,times=-1":                                              {Omit: []string{"id", "skuId"}, Times: -1},
		`inner.code=x,status=400,act=true,skew=-5m`:                            {Inner: map[string]any{"code": "x"}, Status: 400, Act: true, Skew: -5 * time.Minute},
		`{"page":"empty","damage":"stalled","stall":"5s","every":2}`:           {Page: "empty", Damage: "stalled", Stall: 5 * time.Second, Every: 2},
		" body=<html>,from=1m,until=1h,app=x,message=a, b,code=c,retryAfter=7": {Body: "<html>", From: time.Minute, Until: time.Hour, App: "x", Message: "a, b", Code: "c", RetryAfter: "7"},
	} {
		got, err := Parse(text, known)
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Fault{}, "Rewrite")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
			continue
		}
		raw, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(string(raw), known)
		if diff := cmp.Diff(want, again, cmpopts.IgnoreFields(Fault{}, "Rewrite")); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", raw, err, diff)
		}
	}
	for text, want := range map[string]string{
		"":                        `unknown name ""`,
		"endpoint":                `endpoint: unknown endpoint "true"`,
		"endpoint=GET /user":      `endpoint: unknown endpoint "GET /user"`,
		"satus=503":               `unknown name "satus"; valid names: endpoint, contains`,
		"status=many":             `status: "many" is not an integer`,
		"delay=5":                 "a duration",
		"rate=2":                  "between 0 and 1",
		"status.x=1":              "it has no members",
		"rewrite=x":               "unknown name",
		`{"status":"503"}`:        "status: must be an integer",
		`{"status":503`:           "must be a JSON object",
		`{"delay":5}`:             "a duration",
		`{"omit":"id"}`:           "a list of strings",
		`{"Status":503}`:          `unknown name "Status"`,
		`{"header":{"a":1}}`:      "an object",
		`{"endpoint":1}`:          "a string",
		`{"cut":"yes"}`:           "true or false",
		`{"damage":"completely"}`: "one of truncated",
	} {
		if f, err := Parse(text, known); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v %+v", text, err, f)
		}
	}
}

// TestFaultDelays tests the distribution of delays by the seed, with its mean
// and maximum.
func TestFaultDelays(t *testing.T) {
	t.Parallel()
	mean := func(f Fault) (m, longest time.Duration) {
		const n = 2_000
		for i := range n {
			d := (&hit{f, i}).delay()
			m += d / n
			longest = max(longest, d)
		}
		return m, longest
	}
	for name, tt := range map[string]struct {
		fault        Fault
		mean, within time.Duration
		longest      time.Duration
	}{
		"fixed":       {Fault{Delay: time.Second}, time.Second, time.Millisecond, time.Second},
		"uniform":     {Fault{Delay: time.Second, Spread: "uniform", Seed: 3}, time.Second, 50 * time.Millisecond, 2 * time.Second},
		"exponential": {Fault{Delay: time.Second, Spread: "exponential", Seed: 3}, time.Second, 100 * time.Millisecond, 10 * time.Second},
		"capped":      {Fault{Delay: time.Second, Spread: "exponential", MaxDelay: time.Second}, 632 * time.Millisecond, 50 * time.Millisecond, time.Second},
	} {
		m, longest := mean(tt.fault)
		if m < tt.mean-tt.within || m > tt.mean+tt.within || longest > tt.longest {
			t.Errorf("%s: on average %v, at most %v", name, m, longest)
		}
	}
	first := func(seed uint64) time.Duration {
		return (&hit{Fault{Delay: 1e9, Spread: "uniform", Seed: seed}, 1}).delay()
	}
	if a, again, b := first(1), first(1), first(2); a != again || a == b {
		t.Errorf("the seed decides something else: %v %v %v", a, again, b)
	}
}

// TestFaultMaxDelay tests that no delay exceeds ten times the average, or
// MaxDelay.
func TestFaultMaxDelay(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault   Fault
		longest time.Duration
	}{
		{Fault{Delay: time.Second, Spread: "exponential"}, 10 * time.Second},
		{Fault{Delay: time.Second, Spread: "exponential", MaxDelay: 3 * time.Second}, 3 * time.Second},
		{Fault{Delay: 20 * time.Hour, Spread: "uniform"}, maxDelay},
	} {
		var longest time.Duration
		for n := range 200_000 {
			longest = max(longest, (&hit{tt.fault, n}).delay())
		}
		if longest != tt.longest {
			t.Errorf("%+v: %v, want %v", tt.fault, longest, tt.longest)
		}
	}
}

func TestFaultDelayEndsWithTheRequest(t *testing.T) {
	t.Parallel()
	q := NewQueue(known)
	if err := q.Inject(time.Time{}, Fault{Endpoint: "GET /groups", Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	f := q.next(&Target{Call: &wire.Call{Label: "GET /groups"}, URI: "/beta/groups"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if f.wait(ctx) {
		t.Error("waited for an hour")
	}
}

// TestFirstWrongHeader tests that the error is about the first of several
// invalid headers, by name.
func TestFirstWrongHeader(t *testing.T) {
	t.Parallel()
	for range 40 {
		if err := (Fault{Header: map[string]string{"a b": "", "c d": "", "e f": ""}}).validate(known); !strings.Contains(err.Error(), `"a b"`) {
			t.Fatal(err)
		}
	}
}
