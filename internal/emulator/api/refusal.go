package api

import (
	"net/http"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// answerFaulty answers a request with a matching fault, or with the real
// answer.
func (e *Endpoints) answerFaulty(c *call, uri string, real func() wire.Answer) wire.Answer {
	return e.faults.Answer(fault.Target{
		Call: c.Call, URI: uri, Answer: real,
		Application: func() string { return access.ClientOf(c.Call) },
		Refuse: func(r fault.Refusal) wire.Answer {
			p := r.Problem()
			p.Header = e.refusalHeaders(c, r.Status)
			a := p.Answer(c.Call)
			if r.Status == http.StatusTooManyRequests {
				a.Units = 1 // Throttled calls count.
			}
			return a
		},
	})
}

// refusalHeaders returns the headers that Graph sends with some statuses.
// Those of 429 identify the limit, see Microsoft Learn, "Microsoft Graph
// throttling guidance".
func (e *Endpoints) refusalHeaders(c *call, status int) map[string]string {
	switch status {
	case http.StatusUnauthorized:
		return map[string]string{"WWW-Authenticate": challenge(c.Base)}
	case http.StatusTooManyRequests:
		limit, information := "Read", "ResourceUnitLimitExceeded"
		if c.route != nil && c.route.writes {
			limit, information = "Write", "WriteLimitExceeded"
		}
		app := access.ClientOf(c.Call)
		if _, ok := tenant.ParseGUID(app); !ok {
			app = e.clientID
		}
		return map[string]string{
			"x-ms-throttle-scope":       "Tenant_Application/" + limit + "/" + app + "/" + e.id,
			"x-ms-throttle-information": information,
		}
	}
	return nil
}
