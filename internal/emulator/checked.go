package emulator

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"licensegraph/internal/emulator/contract"
)

// complaints are what is wrong with answers, at most [contract.Most] of them.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (l *complaints) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list) >= contract.Most
}

func (l *complaints) add(about string, found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range found {
		if len(l.list) < contract.Most {
			l.list = append(l.list, about+": "+text)
		}
	}
}

// take empties the list.
func (l *complaints) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}

// checked holds every answer from now on against what is written down about
// Graph. Answers that a [Fault] has made or changed are left out, and what
// [Variants] change is expected. It is called before the first request.
func (e *Emulator) checked() *complaints {
	l := &complaints{}
	e.check = func(c *call, w http.ResponseWriter, r *http.Request, a *answer) {
		if a.faulty || l.full() {
			return
		}
		_ = http.NewResponseController(w).Flush() // Nobody waits for the check.
		l.add(fmt.Sprintf("%s %.200s", r.Method, r.URL.RequestURI()), contract.Check(e.exchange(c, w.Header(), r, a)))
	}
	return l
}

func (e *Emulator) exchange(c *call, header http.Header, r *http.Request, a *answer) contract.Exchange {
	x := contract.Exchange{
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
func reading(v *Variants) contract.Reading {
	return contract.Reading{
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
