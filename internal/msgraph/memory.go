package msgraph

import (
	"sync"
	"time"
)

// remembered is how long the client goes by what it has learnt about a tenant, which can change.
const remembered = time.Hour

// memory holds what the client has learnt about a tenant.
type memory struct {
	now func() time.Time

	mu    sync.Mutex
	until map[string]time.Time
}

func (m *memory) learn(fact string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.until == nil {
		m.until = map[string]time.Time{}
	}
	m.until[fact] = m.now().Add(remembered)
}

func (m *memory) knows(fact string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now().Before(m.until[fact])
}

// The facts: an endpoint refuses an expansion; it has answered; it is not there.

func refuses(endpoint, expand string) string { return "refuses " + endpoint + " " + expand }
func present(endpoint string) string         { return "present " + endpoint }
func missing(endpoint string) string         { return "missing " + endpoint }
