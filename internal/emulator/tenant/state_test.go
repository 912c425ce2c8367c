package tenant

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (t *Tenant) saved(tb testing.TB) string {
	tb.Helper()
	var b bytes.Buffer
	if err := t.Save(&b); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestSaveAndLoad saves tenants with a history and with pending changes. The
// loaded tenant has the same saved form and the same later states.
func TestSaveAndLoad(t *testing.T) {
	t.Parallel()
	for seed := range 50 * *thorough {
		r := rand.New(rand.NewPCG(seed, 3))
		people := 5 + r.IntN(40)
		tn := New(seed+1, people)
		now := tn.reference
		happen := func(n int, all ...*Tenant) {
			for range n {
				now = now.Add(time.Duration(r.IntN(2500)) * time.Millisecond)
				c := randomChange(r, people)
				for _, one := range all {
					one.Advance(now)
					c.apply(one, now)
				}
			}
		}
		happen(40, tn)
		text := tn.saved(t)
		again, err := Load(strings.NewReader(text), nil)
		if err != nil {
			t.Fatalf("seed %d: %v\n%.300s", seed, err, text)
		}
		if diff := cmp.Diff(text, again.saved(t)); diff != "" {
			t.Fatalf("seed %d: saved again (-first +second):\n%.300s", seed, diff)
		}
		now = now.Add(2 * contention) // until the times of recent changes no longer count
		happen(20, tn, again)
		for _, one := range []*Tenant{tn, again} {
			now = now.Add(time.Hour)
			one.Advance(now)
			if err := one.Check(); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		if diff := cmp.Diff(tn.summary(), again.summary()); diff != "" {
			t.Fatalf("seed %d: afterwards (-kept +loaded):\n%s", seed, diff)
		}
	}
}

// TestWrittenByHand loads a state written by hand, without IDs and licenses.
func TestWrittenByHand(t *testing.T) {
	t.Parallel()
	const text = `{
		"format": "licensegraph tenant 1",
		"users": [
			{"userPrincipalName": "ada@contoso.example", "properties": {"displayName": "Ada", "usageLocation": "GB"}},
			{"userPrincipalName": "ben@contoso.example", "properties": {"displayName": "Ben", "usageLocation": "CN"}},
			{"userPrincipalName": "cleo@contoso.example", "properties": {"displayName": "Cleo", "usageLocation": "FR"}}],
		"groups": [{"displayName": "Sales", "mailNickname": "sales", "members": ["ada@contoso.example", "ben@contoso.example", "cleo@contoso.example"]}],
		"devices": [{"displayName": "KIOSK"}],
		"allotments": [
			{"id": "e3", "skuPartNumber": "SPE_E3", "assignableTo": ["user", "group"], "allottedUnits": 5},
			{"id": "copilot", "skuPartNumber": "Microsoft_365_Copilot", "assignableTo": ["user", "group"], "allottedUnits": 1}],
		"assignments": [
			{"allotment": "e3", "assignedTo": "ada@contoso.example"},
			{"allotment": "e3", "assignedTo": "ben@contoso.example", "disabledServicePlanIds": ["SWAY"]},
			{"allotment": "e3", "assignedTo": "cleo@contoso.example"},
			{"allotment": "copilot", "assignedTo": "ada@contoso.example"}]}`
	tn, err := Load(strings.NewReader(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	group := int32(0)
	tn.people[0].rows[0].state = InForce
	if _, refused := tn.Assign(tn.Allotment("copilot"), Ref{GroupKind, group}, PlanSet{}, When{Now: tn.reference}); refused != nil {
		t.Fatal(refused)
	}
	got := map[string]string{}
	for i := range tn.Users(-1) {
		for _, l := range tn.Licenses(i) {
			got[tn.User(i).Text("displayName")] += tn.Product(l.Sku).SkuPartNumber + " " + l.Cause.String() + ", "
		}
	}
	want := map[string]string{
		"Ada":  "SPE_E3 None, Microsoft_365_Copilot None, Microsoft_365_Copilot None, ",
		"Ben":  "SPE_E3 None, Microsoft_365_Copilot ProhibitedInUsageLocationViolation, ",
		"Cleo": "SPE_E3 None, Microsoft_365_Copilot CountViolation, ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := tn.Check(); err != nil {
		t.Error(err)
	}
}

// TestInvalidStates tests that an error lists all errors of a state.
func TestInvalidStates(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":             {``, "EOF"},
		"no state":            {`{"users": []}`, `format is ""`},
		"unknown name":        {`{"format": "licensegraph tenant 1", "colour": 1}`, "colour"},
		"two values":          {`{"format": "licensegraph tenant 1"} {}`, "unexpected data"},
		"no name":             {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "x"}, {"userPrincipalName": "a@b"}, {"userPrincipalName": "A@B"}]}`, "user 2"},
		"no member":           {`{"format": "licensegraph tenant 1", "groups": [{"displayName": "a", "mailNickname": "a", "members": ["x@y"]}]}`, `unknown object "x@y"`},
		"no product":          {`{"format": "licensegraph tenant 1", "allotments": [{"skuPartNumber": "x", "assignableTo": ["cat"]}]}`, `unknown product "x"`},
		"no allotment":        {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b"}], "assignments": [{"allotment": "x", "assignedTo": "a@b"}]}`, `unknown allotment "x"`},
		"no guid":             {`{"format": "licensegraph tenant 1", "users": [{"id": "5", "userPrincipalName": "a@b"}]}`, `"5" is not a GUID`},
		"too many units":      {`{"format": "licensegraph tenant 1", "allotments": [{"skuPartNumber": "SPE_E3", "allottedUnits": -1}]}`, "-1 units"},
		"an unknown role":     {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b", "directoryRole": 257}]}`, `directory role 257`},
		"an address twice":    {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b", "proxyAddresses": ["x@y"]}, {"userPrincipalName": "c@d", "proxyAddresses": ["X@y"]}]}`, `belongs to another object`},
		"an unknown kind":     {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b", "properties": {"userType": "Alien"}}]}`, `not "Alien"`},
		"a group in itself":   {`{"format": "licensegraph tenant 1", "groups": [{"id": "00000000-0000-4000-8000-000000000001", "displayName": "a", "mailNickname": "a", "members": ["00000000-0000-4000-8000-000000000001"]}]}`, `the group itself`},
		"a deleted member":    {`{"format": "licensegraph tenant 1", "users": [{"id": "00000000-0000-4000-8000-000000000001", "userPrincipalName": "a@b", "deletedDateTime": "2026-01-01T00:00:00Z"}], "groups": [{"displayName": "a", "mailNickname": "a", "members": ["00000000-0000-4000-8000-000000000001"]}]}`, `is deleted`},
		"an id with a slash":  {`{"format": "licensegraph tenant 1", "allotments": [{"id": "a/b", "skuPartNumber": "SPE_E3"}]}`, `cannot be in a path`},
		"far too many units":  {`{"format": "licensegraph tenant 1", "allotments": [{"skuPartNumber": "SPE_E3", "allottedUnits": 2147483647}]}`, `2147483647 units`},
		"a negative number":   {`{"format": "licensegraph tenant 1", "made": -5}`, `made cannot be -5`},
		"twice the same name": {`{"format": "licensegraph tenant 1", "made": 1, "made": 2}`, `duplicate`},
		"a user without a waiting license": {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b"}],
			"allotments": [{"id": "e3", "skuPartNumber": "SPE_E3", "allottedUnits": 1, "waiting": [{"assignedTo": "a@b"}]}]}`, "a@b waits"},
		"a plan without a rule": {`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b", "licenses": [{"allotment": "e3", "state": "Error", "cause": "dependency", "plan": "x"}]}],
			"allotments": [{"id": "e3", "skuPartNumber": "SPE_E3", "allottedUnits": 1}]}`, `no rule is about plan "x"`},
	} {
		if _, err := Load(strings.NewReader(tt.text), nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzLoad tests that any input is rejected or results in a consistent tenant.
func FuzzLoad(f *testing.F) {
	f.Add(New(1, 3).saved(f))
	f.Add(`{"format": "licensegraph tenant 1", "users": [{"userPrincipalName": "a@b", "directoryRole": 99999}], "allotments": [{"skuPartNumber": "SPE_E3"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		tn, err := Load(strings.NewReader(text), nil)
		if err == nil {
			again, err := Load(strings.NewReader(tn.saved(t)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tn.summary(), again.summary()); diff != "" {
				t.Error(diff)
			}
		}
	})
}

// TestIDsAfterLoad tests that objects created later have the same IDs in a loaded
// tenant.
func TestIDsAfterLoad(t *testing.T) {
	t.Parallel()
	tn := New(1, 20)
	w := When{Now: tn.reference}
	i, refused := tn.CreateUser(map[string]any{"userPrincipalName": "later@" + MainDomain, "displayName": "Later", "usageLocation": "DE"}, w)
	if refused != nil {
		t.Fatal(refused)
	}
	if _, refused := tn.Assign(tn.Pools(SkuPhone)[0], Ref{User, i}, PlanSet{}, w); refused != nil {
		t.Fatal(refused)
	}
	again, err := Load(strings.NewReader(tn.saved(t)), nil)
	if err != nil {
		t.Fatal(err)
	}
	j, _ := again.FindUser("later@" + MainDomain)
	a, b := tn.ErrorsOf(i), again.ErrorsOf(j)
	if i != j || len(a) != 1 || len(b) != 1 || tn.ErrorID(a[0]) != again.ErrorID(b[0]) {
		t.Errorf("place %d and %d, errors %v and %v", i, j, a, b)
	}
}

// TestQueueWithoutPositions tests that without queue positions in the state, the queue
// is in the order of users.
func TestQueueWithoutPositions(t *testing.T) {
	t.Parallel()
	text := New(1, 500).saved(t)
	before, rest, _ := strings.Cut(text, `"waiting":[`)
	_, after, _ := strings.Cut(rest, "]")
	text = before + `"waiting":[` + "]" + after
	var first []string
	for range 5 {
		tn, err := Load(strings.NewReader(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, w := range tn.Waiting(tn.Pools(SkuCopilot)[0], -1) {
			ids = append(ids, tn.IDOf(w.Who).String())
		}
		if first == nil {
			first = ids
		}
		if diff := cmp.Diff(first, ids); diff != "" || len(ids) != 25 {
			t.Fatalf("%d wait, in another order:\n%s", len(ids), diff)
		}
	}
}
