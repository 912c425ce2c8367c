package msgraph

import (
	"context"
	"time"
)

// Wait waits as the client does between attempts. It returns early, with an error, when the context ends.
func (o *Operation) Wait(ctx context.Context, d time.Duration) error { return o.client.wait(ctx, d) }
