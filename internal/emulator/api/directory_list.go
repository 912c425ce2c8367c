package api

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/wire"
)

// listOptions are the options of lists of users and groups.
const listOptions = optSelect | optFilter | optTop | optCount | optOrderBy | optSearch

// listRules are the supported filters, searches and sort properties of a
// directory list.
type listRules struct {
	filter rules
	search []string        // properties
	order  map[string]bool // properties to sort by; true: requires an advanced query
}

// directoryList parses the options of users, groups and members. See Microsoft
// Learn, "Advanced query capabilities on Microsoft Entra ID objects".
func (e *Endpoints) directoryList(c *call, r listRules, allowed option) (*query, *wire.Problem) {
	q, p := e.options(c, directory, allowed)
	if p != nil {
		return nil, p
	}
	at := usual
	switch {
	case q.count && c.eventual():
		at = advanced
	case q.count, c.eventual():
		at = partly
	}
	if q.search != nil && !c.eventual() {
		return nil, unsupported("Request with $search query parameter only works through MSGraph with a special request header: 'ConsistencyLevel: eventual'")
	}
	q.count = at == advanced // Without the header, it is ignored.
	if p := r.check(q, at); p != nil {
		return nil, p
	}
	return q, nil
}

// directoryCount parses the options of a $count path, which is always an
// advanced query.
func (e *Endpoints) directoryCount(c *call, r listRules) (*query, *wire.Problem) {
	if !c.eventual() {
		return nil, badRequest("$count is not currently supported.")
	}
	q, p := e.options(c, directory, optFilter|optSearch)
	if p != nil {
		return nil, p
	}
	if p := r.check(q, advanced); p != nil {
		return nil, p
	}
	return q, nil
}

func (c *call) eventual() bool {
	return strings.EqualFold(c.Header.Get("ConsistencyLevel"), "eventual")
}

func (r listRules) check(q *query, at level) *wire.Problem {
	if q.search != nil {
		if p := r.searchable(q.search); p != nil {
			return p
		}
	}
	if len(q.orderBy) > 0 {
		mustBeAdvanced, known := r.order[q.orderBy[0].Path]
		switch {
		case q.orderBy[0].Path == "deletedDateTime":
			return notImplemented("$orderby=deletedDateTime")
		case q.filter != nil && at < advanced:
			return unsupported("Sorting not supported for current query.")
		case len(q.orderBy) > 1 || !known || mustBeAdvanced && at < advanced:
			return unsupported("Sorting not supported for '%s'.", odata.OrderString(q.orderBy))
		}
	}
	if q.filter != nil {
		var other notHere
		switch err := r.filter.check(q.filter, at); {
		case errors.As(err, &other):
			return notImplemented(string(other))
		case errors.Is(err, errInvalidClause):
			return wire.NotParsed("%s", sentence(err))
		case err != nil:
			return directory.filtering("%s", sentence(err))
		}
	}
	if at == advanced && len(q.raw) > maxAdvanced {
		return unsupported("The query is longer than %d characters.", maxAdvanced)
	}
	return nil
}

func (r listRules) searchable(s *odata.Search) (p *wire.Problem) {
	s.Clauses(func(clause *odata.Search) bool {
		switch {
		case slices.Contains(r.filter.other, clause.Property):
			p = notImplemented(clause.Property)
		case !slices.Contains(r.search, clause.Property):
			p = unsupported("Property '%s' cannot be searched.", clause.Property)
		case len(clause.Text) > maxValueLength:
			p = unsupported("A text to search for is longer than %d characters.", maxValueLength)
		}
		return p == nil
	})
	return p
}

// fitting reports whether an item satisfies the filter and the search of a
// query. It returns nil if the query has neither.
func fitting[T any](q *query, from source[T], text func(property string) func(T) string) func(T) bool {
	switch {
	case q.filter == nil && q.search == nil:
		return nil
	case q.search == nil:
		return compile(q.filter, from)
	case q.filter == nil:
		return compileSearch(q.search, text, from.known)
	}
	filter, search := compile(q.filter, from), compileSearch(q.search, text, from.known)
	return func(x T) bool { return filter(x) && search(x) }
}

// plainCount answers a number as plain text.
func plainCount(c *call, n int) wire.Answer {
	a := wire.Answer{Status: http.StatusOK, Units: c.cost(), Body: strconv.AppendInt(nil, int64(n), 10)}
	a.Set("Content-Type", "text/plain")
	return a
}
