package emulator

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/exchange"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/wire"
)

// Observe calls observer with every answer after it is sent, except answers
// that a [Fault] has made or changed. Observe must be called before the first
// request.
func (e *Emulator) Observe(observer func(exchange.Exchange)) {
	e.observer = func(c *wire.Call, w http.ResponseWriter, r *http.Request, a *wire.Answer) {
		if a.Faulty {
			return
		}
		_ = http.NewResponseController(w).Flush() // The client does not wait for the observer.
		observer(e.exchange(c, w.Header(), r, a))
	}
}

func (e *Emulator) exchange(c *wire.Call, header http.Header, r *http.Request, a *wire.Answer) exchange.Exchange {
	x := exchange.Exchange{
		Base: c.Base, Method: r.Method, URL: r.URL.RequestURI(), RequestHeader: r.Header, Request: c.Body,
		Status: a.Status, Header: header, Body: a.Body,
		Reading: reading(c.Variants),
		First:   e.graph.FirstQuery,
		Skip:    func(id string) bool { return slices.Contains(a.FaultyParts, id) },
	}
	if a.Permissions != nil {
		x.Permissions = slices.Concat([]string{""}, a.Permissions)
	}
	return x
}

// reading returns the reading of the documentation that the variants select.
func reading(v *settings.Variants) exchange.Reading {
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
