package msgraph

import (
	"context"
	"time"
)

// Wait waits like the client between attempts. It returns an error when the context ends.
func (o *Operation) Wait(ctx context.Context, d time.Duration) error { return o.client.wait(ctx, d) }
