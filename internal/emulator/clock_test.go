package emulator

import (
	"testing"
	"time"
)

// TestAdvance advances the clock: tokens expire, and licenses of a group reach
// its members.
func TestAdvance(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 9, 25, 8, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 60, Now: func() time.Time { return at }, Variants: Variants{GroupEffects: time.Hour}})
	if r := c.get("/v1.0/groups"); r.status != 200 || r.header.Get("Date") != "Fri, 25 Sep 2026 08:00:00 GMT" {
		t.Fatalf("before: %d %v", r.status, r.header)
	}
	if err := c.Advance(-1); err == nil {
		t.Error("it went back")
	}
	if err := c.Advance(1<<63 - 1); err == nil {
		t.Error("it went too far")
	}
	for _, d := range []time.Duration{60 * time.Minute, 31 * time.Minute} {
		if err := c.Advance(d); err != nil {
			t.Fatal(err)
		}
	}
	if got := c.Now().Sub(at); got != 91*time.Minute {
		t.Errorf("it is %v ahead", got)
	}
	if r := c.get("/v1.0/groups"); r.status != 401 || r.header.Get("Date") != "Fri, 25 Sep 2026 09:31:00 GMT" {
		t.Errorf("the token did not end: %d %v", r.status, r.header)
	}
	c.token = c.newToken()
	if r := c.get("/v1.0/groups"); r.status != 200 {
		t.Errorf("a new token: %d %s", r.status, r.raw)
	}
}
