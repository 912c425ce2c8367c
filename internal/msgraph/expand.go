package msgraph

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/upstream"
)

// expansions returns the $expand values to try for the relations, in descending number of relations, without those that
// the endpoint is known to reject. The last value is empty: the relations are then read separately.
//
// For an assignment error, the reference allows both relations together but has no example; assignedTo alone works in
// practice. The relations are given in order of priority.
func (o *Operation) expansions(endpoint string, wanted []string) []string {
	var values []string
	for n := len(wanted); n > 0; n-- {
		value := strings.Join(wanted[:n], ",")
		if !o.capabilities.has(rejects(endpoint, value)) {
			values = append(values, value)
		}
	}
	return append(values, "")
}

// options are the query options of a URL that an endpoint may reject.
type options struct {
	expand string
	top    int // 0: without $top
}

// fallback is a URL to try after a 400.
type fallback struct {
	options
	url string
}

// rejection is a 400, and the options that its error names.
type rejection struct {
	options
	namesExpand, namesTop bool
}

// fallBack sets the URL of the next fallback after a 400. It skips those with an option that the error names.
func (r *read) fallBack(body string) {
	said := strings.ToLower(body)
	namesExpand := strings.Contains(said, "expansion") || strings.Contains(said, "expand")
	namesTop := strings.Contains(said, "$top") || strings.Contains(said, "page size")
	r.rejected = append(r.rejected, rejection{r.options, namesExpand, namesTop})
	same := func(next fallback) bool {
		return namesExpand && next.expand == r.options.expand || namesTop && next.top == r.options.top
	}
	for len(r.fallbacks) > 1 && same(r.fallbacks[0]) {
		r.fallbacks = r.fallbacks[1:]
	}
	r.url, r.options, r.fallbacks = r.fallbacks[0].url, r.fallbacks[0].options, r.fallbacks[1:]
	r.selectRefusable()
}

// expanding returns a read that expands as many of the relations as the endpoint supports.
func (o *Operation) expanding(endpoint string, wanted []string, address func(expand string) string) *read {
	return o.expandingPage(endpoint, wanted, 0, func(expand, _ string) string { return address(expand) })
}

// expandingPage returns a read of at most top elements that expands as many of the relations, and requests as large a
// page, as the endpoint supports. Once a fallback is accepted, a rejected value of $expand or $top is recorded as
// unsupported: at once if the error names the option, otherwise after several such reads, since a single 400 can have
// another cause.
func (o *Operation) expandingPage(endpoint string, wanted []string, top int, address func(expand, top string) string) *read {
	r := get(endpoint, "")
	for _, expand := range o.expansions(endpoint, wanted) {
		for _, top := range o.pageSizes(endpoint, top) {
			r.fallbacks = append(r.fallbacks, fallback{options{expand, top}, address(expand, atMost(top, top))})
		}
	}
	r.url, r.options, r.fallbacks = r.fallbacks[0].url, r.fallbacks[0].options, r.fallbacks[1:]
	r.accepted = func(r *read) {
		o.capabilities.clearObservations(rejects(endpoint, r.options.expand))
		rejectedTop, observed := false, map[string]bool{} // values of $expand, each rejected with several of $top
		for _, rejected := range r.rejected {
			name := rejects(endpoint, rejected.expand)
			switch {
			case rejected.expand == r.options.expand && rejected.namesTop:
				o.capabilities.recordNumber(largestPage(endpoint), r.options.top)
			case rejected.expand == r.options.expand:
				rejectedTop = true
			case rejected.namesExpand:
				o.capabilities.record(name)
			case !observed[name]:
				observed[name] = true
				o.capabilities.observe(name)
			}
		}
		if rejectedTop {
			o.capabilities.observeNumber(largestPage(endpoint), r.options.top)
		}
	}
	return r
}

// largestTop is the largest $top that is tried on lists without a documented limit.
const largestTop = 1_000

// LargestPage returns the largest page size to request from a list without a documented limit.
func (o *Operation) LargestPage(list string) int {
	if size, known := o.capabilities.number(largestPage(list)); known {
		return size
	}
	return largestTop
}

// pageSizes returns the values of $top to try for a page of at most top elements, in descending order. 999 is the limit
// of users and groups. Without a documented limit, a larger value than the smallest one may be capped or rejected.
func (o *Operation) pageSizes(endpoint string, top int) []int {
	sizes := []int{min(top, o.LargestPage(endpoint))}
	for _, smaller := range []int{maxDirectoryTop, maxCloudLicensingTop} {
		if smaller < sizes[0] {
			sizes = append(sizes, smaller)
		}
	}
	return sizes
}

// complete calls found with the entities when the relations are loaded, or with the failure. Relations that were not
// expanded are read first: alone returns the read of one relation of one entity, which calls filled when it is done;
// nil if the relation is loaded or cannot be read separately. An error in a relation affects only that relation.
func complete[E any](b *Batch, entities []E, failure error, wanted []string, alone func(entity E, relation string, filled func()) *read, found func([]E, error)) {
	if failure != nil {
		found(nil, failure)
		return
	}
	left := 1
	filled := func() {
		if left--; left == 0 {
			found(entities, nil)
		}
	}
	for _, entity := range entities {
		for _, relation := range wanted {
			if r := alone(entity, relation, filled); r != nil {
				left++
				b.add(r)
			}
		}
	}
	filled()
}

// relationRead returns the read of one relation of one entity. It calls set with the result and then filled.
func relationRead[T any](r *read, of func(*decode.Decoder) (*T, error), set func(*T, error), filled func()) *read {
	var related *T
	r.decode = func(d *decode.Decoder) (err error) { related, err = orNull(of)(d); return err }
	r.done = func(err error) {
		defer filled()
		switch {
		case err == nil:
			set(related, nil)
		case errors.Is(err, upstream.ErrNotFound):
			set(nil, nil) // null, or the entity was deleted
		case errors.Is(err, upstream.ErrRefused), errors.Is(err, errNotExpanded):
			set(nil, notOffered(r.endpoint))
		default:
			set(nil, err)
		}
	}
	return r
}

// errNotExpanded is the error of a relation that was not expanded.
var errNotExpanded = errors.New("relation not expanded")

// orNull returns a reader that returns nil for null, or for nothing.
func orNull[T any](read func(*decode.Decoder) (*T, error)) func(*decode.Decoder) (*T, error) {
	return func(d *decode.Decoder) (*T, error) {
		value, err := read(d)
		if errors.Is(err, decode.ErrNull) {
			return nil, nil
		}
		return value, err
	}
}

// expandedList reads all elements of an expanded relation; null gives none.
func expandedList[T any](d *decode.Decoder, read func(*decode.Decoder) (*T, error)) ([]*T, error) {
	items := []*T{}
	if d.Peek() == 'n' {
		d.Skip()
		return items, nil
	}
	var failure error
	if !d.Elements(func() {
		item, err := read(d)
		items, failure = append(items, item), cmp.Or(failure, err)
	}) {
		return nil, errors.New("not an array")
	}
	return items, failure
}

// without returns the properties without the relations.
func without(properties []string, relations ...string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return slices.Contains(relations, p) })
}
