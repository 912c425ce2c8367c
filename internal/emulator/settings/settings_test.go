package settings

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestVariantTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Variants{
		"expandErrors=both":        {ExpandErrors: "both"},
		"nullError":                {NullError: true},
		"nullError=false":          {},
		"pageSize = 20":            {PageSize: 20},
		"usageRightFailures=0.3":   {UsageRightFailures: 0.3},
		"groupEffects=1m30s":       {GroupEffects: 90 * time.Second},
		"groupEffects=immediately": {GroupEffects: Immediately},
		"roles=User.Read.All,A.B":  {Roles: []string{"User.Read.All", "A.B"}},
		"throttling=off":           {Throttling: Throttling{Off: true}},
		"throttling.writes=3":      {Throttling: Throttling{Writes: 3}},
		`{"throttling":{"off":true},"groupEffects":"-1ns","roles":["x"],"nullError":true}`: {Throttling: Throttling{Off: true}, GroupEffects: Immediately, Roles: []string{"x"}, NullError: true},
		`{"throttling":"off"}`: {Throttling: Throttling{Off: true}},
	} {
		var got Variants
		if err := got.Set(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		raw, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		again := Variants{PageSize: 7} // replaced, as all variants are written
		if err := json.Unmarshal(raw, &again); err != nil || cmp.Diff(want, again) != "" {
			t.Errorf("%s: %v %+v", raw, err, again)
		}
	}
}

// TestVariantsUnmarshal tests that missing names keep their values, null is the
// default, and an error changes nothing.
func TestVariantsUnmarshal(t *testing.T) {
	t.Parallel()
	before := Variants{PageSize: 7, NullError: true, Throttling: Throttling{Writes: 3, AppWrites: 4}}
	got := before
	if err := json.Unmarshal([]byte(`{"pageSize":null,"throttling":{"writes":5}}`), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Variants{NullError: true, Throttling: Throttling{Writes: 5, AppWrites: 4}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for text, want := range map[string]string{
		`{"nullError":false,"pagesize":1}`:                `unknown name "pagesize"; valid names: expandErrors, `,
		`{"nullError":false,"pageSize":-1}`:               "pageSize: must be between 0 and",
		`{"pageSize":1000000001}`:                         "between 0 and 1000000000",
		`{"nullError":false,"throttling":{"writes":"3"}}`: "throttling.writes: must be an integer",
		`{"nullError":false,"throttling":{"reads":3}}`:    `throttling: unknown name "reads"; valid names: off, resourceUnits`,
		`{"nullError":false,"throttling":{"writes":-3}}`:  "throttling.writes: must be between 0 and",
		`{"throttling":"some"}`:                           "throttling: ",
		`{"expandErrors":"everything"}`:                   `expandErrors: must be "" or one of none, assignedTo, both, ignore`,
		`{"usageRightFailures":1.5}`:                      "between 0 and 1",
		`{"groupEffects":5}`:                              "a duration",
		`{"groupEffects":"-5s"}`:                          "between 0 and a hundred years",
		`{`:                                               "must be a JSON object",
		`{}x`:                                             "must be a JSON object",
		"{null}":                                          "must be a JSON object",
		"pageSize":                                        `"true" is not an integer`,
		"":                                                "unknown name",
		"=":                                               "unknown name",
		"throttling.x.y=1":                                "unknown name",
		"pageSize.x=1":                                    "it has no members",
	} {
		got := before
		if err := got.Set(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(before, got); diff != "" {
			t.Errorf("%s changed something:\n%s", text, diff)
		}
	}
}

// TestEveryTextVariantHasValues tests that the values of each string variant
// are defined, so that an invalid one is rejected.
func TestEveryTextVariantHasValues(t *testing.T) {
	t.Parallel()
	for f := range reflect.TypeFor[Variants]().Fields() {
		if f.Type.Kind() == reflect.String && variantValues[f.Tag.Get("json")] == nil {
			t.Errorf("%s has no values in variantValues", f.Name)
		}
	}
	for name := range variantValues {
		if _, err := setting(&Variants{}, "", name); err != nil {
			t.Error(err)
		}
	}
}

func TestThrottlingAsText(t *testing.T) {
	t.Parallel()
	var got Throttling
	if err := got.UnmarshalText([]byte("off")); err != nil || !got.Off {
		t.Errorf("off: %v %v", got, err)
	}
	if err := got.UnmarshalText(nil); err != nil || got != (Throttling{}) {
		t.Errorf("empty: %v %v", got, err)
	}
	if err := got.UnmarshalText([]byte("a little")); err == nil {
		t.Error("any verifier is accepted")
	}
}
