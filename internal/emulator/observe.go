package emulator

import (
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/exchange"
)

// Observe has every answer from now on told to a function after it was sent, but for those that a [Fault] has made or
// changed. It is called before the first request.
func (e *Emulator) Observe(observer func(exchange.Exchange)) {
	e.observer = func(c *call, w http.ResponseWriter, r *http.Request, a *answer) {
		if a.faulty {
			return
		}
		_ = http.NewResponseController(w).Flush() // Nobody waits for the observer.
		observer(e.exchange(c, w.Header(), r, a))
	}
}

func (e *Emulator) exchange(c *call, header http.Header, r *http.Request, a *answer) exchange.Exchange {
	x := exchange.Exchange{
		Base: c.base, Method: r.Method, URL: r.URL.RequestURI(), RequestHeader: r.Header, Request: c.body,
		Status: a.status, Header: header, Body: a.body,
		Reading: reading(c.variants),
		First: func(token string) (string, bool) {
			var d deltaState
			ok := e.unseal(token, &d)
			return d.Query, ok && strings.HasSuffix(d.Path, "/delta")
		},
		Skip: func(id string) bool { return slices.Contains(a.faultyParts, id) },
	}
	if c.who != nil {
		x.Permissions = slices.Concat([]string{""}, c.who.roles, c.who.scopes)
		if c.who.user != "" {
			x.Permissions = slices.Concat([]string{""}, c.who.scopes)
		}
	}
	return x
}

// reading says what the variants make of the points that the documentation
// leaves open.
func reading(v *Variants) exchange.Reading {
	return exchange.Reading{
		Wrapped:           v.WrapSingle,
		NullError:         v.NullError,
		Timestamps:        v.SubscriptionTimestamps,
		NoSubscriptions:   v.SubscriptionsOnSelect,
		NoCreatedID:       v.OmitCreatedID,
		NoErrorRelations:  v.ExpandErrors == "ignore",
		NullRight:         v.MissingUsageRight == "null",
		ReprocessAnswers:  v.ReprocessOK,
		NoObjectSelect:    v.GetByIDsIgnoreSelect,
		NoCodesOfParts:    v.EmptyPartCodes,
		CloudPage:         v.PageSize,
		CloudRelationsEnd: v.ExpandWithoutLink,
	}
}
