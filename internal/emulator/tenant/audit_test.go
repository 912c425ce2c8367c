package tenant

import (
	"testing"
	"time"
)

// TestAuditsAreBounded tests that the oldest records are dropped, and that
// records keep their numbers.
func TestAuditsAreBounded(t *testing.T) {
	t.Parallel()
	one := New(1, 1)
	now := time.Date(2026, 9, 25, 12, 0, 0, 0, time.UTC)
	for i := range 5 * maxAudits {
		one.audit(now.Add(time.Duration(i)), Audit{Failed: i})
	}
	n := 0
	for a := range one.Audits(now, true) {
		if n++; a.Failed != 5*maxAudits-n {
			t.Fatalf("record %d is %d", n, a.Failed)
		}
	}
	last, ok := one.AuditNumbered(5 * maxAudits)
	if _, old := one.AuditNumbered(1); n < maxAudits || n > 2*maxAudits || !ok || last.Failed != 5*maxAudits-1 || old {
		t.Errorf("%d records", n)
	}
}
