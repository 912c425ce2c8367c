// Package wire has what all parts of the emulator share about one request: the call, its answer, and the error of
// Microsoft Graph that an answer can be.
package wire

import (
	"context"
	"net/http"
	"time"

	"licensegraph/internal/emulator/settings"
)

// Call is one request, or one part of a batch.
type Call struct {
	Ctx      context.Context
	Variants *settings.Variants
	Base     string // scheme and host as the client sees them
	Method   string
	Version  string // "beta" or "v1.0"; "" = none of Graph
	Path     string // after the version, still escaped
	RawQuery string
	Header   http.Header
	Body     []byte
	Part     bool // of a batch

	RequestID, ClientRequestID string
	Date                       time.Time

	Label string // of the endpoint: its method and template
}

// Labels of requests that are not to Graph.
const (
	Other          = "other"
	TokenLabel     = "POST /oauth2/v2.0/token"
	DiscoveryLabel = "GET /v2.0/.well-known/openid-configuration"
	KeysLabel      = "GET /discovery/v2.0/keys"
)

// Root is where the resources of the version begin.
func (c *Call) Root() string { return c.Base + "/" + c.Version }

// Sleep returns an error when the context ends before the time is over.
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
