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

// TestVariantsStay tests that missing names keep their values, null is the
// default, and an error changes nothing.
func TestVariantsStay(t *testing.T) {
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
		`{"nullError":false,"pagesize":1}`:                `there is no "pagesize"; there are expandErrors, `,
		`{"nullError":false,"pageSize":-1}`:               "pageSize: it is negative",
		`{"pageSize":1000000001}`:                         "more than",
		`{"nullError":false,"throttling":{"writes":"3"}}`: "throttling.writes: it is a whole number",
		`{"nullError":false,"throttling":{"reads":3}}`:    `throttling: there is no "reads"; there are off, resourceUnits`,
		`{"nullError":false,"throttling":{"writes":-3}}`:  "throttling.writes: it is negative",
		`{"throttling":"some"}`:                           "throttling: ",
		`{"expandErrors":"everything"}`:                   `expandErrors: it is "" or one of none, assignedTo, both, ignore`,
		`{"usageRightFailures":1.5}`:                      "between 0 and 1",
		`{"groupEffects":5}`:                              "a duration",
		`{"groupEffects":"-5s"}`:                          "negative",
		`{`:                                               "not a JSON object",
		`{}x`:                                             "not a JSON object",
		"{null}":                                          "not a JSON object",
		"pageSize":                                        `"true" is not a whole number`,
		"":                                                "there is no",
		"=":                                               "there is no",
		"throttling.x.y=1":                                "there is no",
		"pageSize.x=1":                                    "nothing inside",
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
		t.Error("anything goes")
	}
}
