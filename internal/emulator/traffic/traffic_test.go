package traffic

import "testing"

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	c := Log{record: true}
	for i := range maxLog + 3 {
		c.Add("other", Count{}, Request{Status: i})
	}
	log, _ := c.Last(maxLog)
	if len(log) != maxLog || log[0].Status != 3 || log[maxLog-1].Status != maxLog+2 {
		t.Errorf("log of %d from %d to %d", len(log), log[0].Status, log[len(log)-1].Status)
	}
	if last, _ := c.Last(2); len(last) != 2 || last[1].Status != maxLog+2 {
		t.Errorf("the last two: %+v", last)
	}
}

// TestLoggedBodiesAreBounded tests that the oldest bodies are dropped, not the
// requests.
func TestLoggedBodiesAreBounded(t *testing.T) {
	t.Parallel()
	for _, before := range []int{0, 3, maxLog, maxLog + 7} {
		c := Log{record: true}
		for range before {
			c.Add("other", Count{}, Request{URL: "/beta/x", Body: []byte("small")})
		}
		body := make([]byte, 4<<20)
		for i := range 40 {
			c.Add("other", Count{}, Request{URL: "/beta/x", Body: body, Status: i})
		}
		log, _ := c.Last(maxLog)
		sum, kept := 0, 0
		for _, r := range log {
			sum += len(r.Body)
			if len(r.Body) == 4<<20 {
				kept++
			}
		}
		if sum > maxLogBytes || sum != c.bytes || kept != maxLogBytes/(4<<20) || len(log[len(log)-1].Body) != 4<<20 || len(log) != min(before+40, maxLog) {
			t.Errorf("after %d: %d requests, %d bytes, %d known of, %d bodies", before, len(log), sum, c.bytes, kept)
		}
	}
}
