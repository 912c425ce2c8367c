package msgraph

import (
	"sync"

	"licensegraph/internal/upstream"
)

// budget is how many requests one operation may send, repetitions among them. Each part of a $batch is one, as it is
// for the service's own throttling (Microsoft Graph, "Throttling limits": requests in a batch are evaluated
// individually). Tokens are not counted.
type budget struct {
	most int // 0: any number

	mu   sync.Mutex
	sent int
}

// spend takes n requests, or as many of them as are left, and returns how many those are.
func (b *budget) spend(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 0 {
		n = min(n, b.most-b.sent)
	}
	b.sent += n
	return n
}

// exceeded answers a request that is not sent any more.
func (b *budget) exceeded(endpoint string) answer {
	return answer{unsent: true, err: &upstream.Error{Kind: upstream.ErrBudget, Operation: endpoint, Spent: b.most}}
}
