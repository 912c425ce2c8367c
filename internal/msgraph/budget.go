package msgraph

import (
	"sync"

	"licensegraph/internal/upstream"
)

// budget is the number of requests that one operation may send, including retries. Each request of a $batch counts, as
// it does for Microsoft Graph's throttling limits, which evaluate batched requests individually. Token requests do not
// count.
type budget struct {
	most int // 0 means unlimited

	mu   sync.Mutex
	sent int
}

// spend takes n requests from the budget, or as many as are left, and returns their number.
func (b *budget) spend(n int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.most > 0 {
		n = min(n, b.most-b.sent)
	}
	b.sent += n
	return n
}

// spent reports whether no request is left.
func (b *budget) spent() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most > 0 && b.sent >= b.most
}

// exceeded returns the response of a request beyond the budget.
func (b *budget) exceeded(endpoint string) response {
	return response{unsent: true, err: &upstream.Error{Kind: upstream.ErrBudget, Operation: endpoint, Spent: b.most}}
}
