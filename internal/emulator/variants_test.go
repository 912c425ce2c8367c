package emulator

import (
	"encoding/json"
	"testing"
)

// FuzzSettings tests that no text causes a panic, and that a parsed value can
// be written and parsed again.
func FuzzSettings(f *testing.F) {
	for _, s := range []string{
		"expandErrors=both", `{"throttling":{"off":true}}`, "throttling.writes=3", "endpoint=GET /users,status=503", "header.a=b,set.x=[1]", "omit=a,b,rate=0.5",
		`{"set":{"a":{"b":null}},"delay":"1s"}`, "set.=", "header.\xff=1,status=200", `{"times":1e400}`, "roles=", "=", ",", `{"seed":18446744073709551615}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var v Variants
		if v.Set(text) == nil {
			raw, err := json.Marshal(v)
			var again Variants
			if err != nil || json.Unmarshal(raw, &again) != nil {
				t.Errorf("%q is read, and written as %s", text, raw)
			}
		}
		if fault, err := ParseFault(text); err == nil {
			raw, err := json.Marshal(fault)
			var again Fault
			if err != nil || json.Unmarshal(raw, &again) != nil {
				t.Errorf("%q is read, and written as %s", text, raw)
			}
		}
	})
}
