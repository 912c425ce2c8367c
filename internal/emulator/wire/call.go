// Package wire contains the types for one request that all parts of the
// emulator share: the call, its answer, and the error of Microsoft Graph.
package wire

import (
	"context"
	"net/http"
	"time"

	"licensegraph/internal/emulator/settings"
)

// Call is a request, or a part of a batch.
type Call struct {
	Ctx      context.Context
	Variants *settings.Variants
	Base     string // scheme and host as seen by the client
	Method   string
	Version  string // "beta" or "v1.0"; "" = not Graph
	Path     string // after the version, escaped
	RawQuery string
	Header   http.Header
	Body     []byte
	Part     bool // a part of a batch

	RequestID, ClientRequestID string
	Date                       time.Time

	Label string // label of the endpoint: method and template
}

// Labels of requests that do not go to Graph.
const (
	Other          = "other"
	TokenLabel     = "POST /oauth2/v2.0/token"
	DiscoveryLabel = "GET /v2.0/.well-known/openid-configuration"
	KeysLabel      = "GET /discovery/v2.0/keys"
	DownloadLabel  = "GET /data/download" // files of reports
)

// Root returns the URL of the version's root.
func (c *Call) Root() string { return c.Base + "/" + c.Version }

// Sleep waits for d. It returns an error if the context ends before.
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
