package api

import (
	"cmp"
	"iter"
	"maps"
	"net/http"
	"slices"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/wire"
)

// property is a property of an entity type: its value and its use in queries.
type property[T any] struct {
	get       func(c *call, x T) any
	onDefault bool // returned without $select
	sparse    bool // omitted if it is not set, unless selected
	absent    bool // omitted if it is not set, even if selected
	license   bool // never in directoryObjects
	basic     bool // readable with basic permissions
	beta      bool // not in version 1.0

	needs     []string         // permissions that are all required in addition
	clearance access.Clearance // required of a user in addition
}

// entityType is the properties of a type by name.
type entityType[T any] struct {
	name  string // such as microsoft.graph.user
	props map[string]property[T]
	other []string // properties of Microsoft Graph that the emulator does not implement
	basic []string // permissions to read only basic properties
}

// textOf returns a property with a string value; "" is null.
func textOf[T any](get func(c *call, x T) string) func(*call, T) any {
	return func(c *call, x T) any { return orNull(get(c, x)) }
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// timeOrNull returns a time of the directory; the zero time is null.
func timeOrNull(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return timestamp(at)
}

func always[T any](v any) func(*call, T) any {
	return func(*call, T) any { return v }
}

// check rejects a $select of a property that the type does not have.
func (et *entityType[T]) check(d dialect, sel []string) *wire.Problem {
	for _, name := range sel {
		if _, ok := et.props[name]; !ok && slices.Contains(et.other, name) {
			return notImplemented(name)
		} else if !ok {
			return unknownProperty(d, name, et.name)
		}
	}
	return nil
}

func unknownProperty(d dialect, name, of string) *wire.Problem {
	return d.selecting("Parsing OData Select and Expand failed: Could not find a property named '%s' on type '%s'.", name, of)
}

// limit is check for a caller that may read only basic properties: it cannot
// select or sort by others. Items in a filter or search by another property
// are omitted, see Microsoft Learn, "Use the $filter query parameter".
func (et *entityType[T]) limit(c *call, q *query) *wire.Problem {
	if !c.basic {
		return nil
	}
	hidden := func(name string) bool { return !et.props[name].basic }
	if slices.ContainsFunc(q.sel, hidden) || slices.ContainsFunc(q.orderBy, func(o odata.Order) bool { return hidden(o.Path) }) {
		return wire.Usual(http.StatusForbidden)
	}
	if slices.ContainsFunc(q.usedProperties(), hidden) {
		if c.Variants.RefuseHiddenFilters {
			return wire.Usual(http.StatusForbidden)
		}
		q.nothing = true
	}
	return nil
}

// conceal sets properties that are not basic to null or an empty list.
func (et *entityType[T]) conceal(o object) {
	for name, v := range o {
		if p, ok := et.props[name]; ok && !p.basic {
			o[name] = nil
			if _, list := v.([]string); list {
				o[name] = []string{}
			}
		}
	}
}

// nested checks a $select inside $expand.
func (et *entityType[T]) nested(_ *call, sel []string) *wire.Problem { return et.check(licensing, sel) }

// render returns the selected properties of x, or the default ones.
func (et *entityType[T]) render(c *call, x T, sel []string) object {
	o := make(object, max(len(sel), 12))
	if sel == nil {
		for name, p := range et.props {
			if !p.onDefault {
				continue
			}
			if v := p.get(c, x); v != nil || !p.sparse {
				o[name] = v
			}
		}
		return o
	}
	for _, name := range sel {
		if p, ok := et.props[name]; ok {
			if v := p.get(c, x); v != nil || !p.absent {
				o[name] = v
			}
		}
	}
	return o
}

// defaults returns the names of the properties returned without $select.
func (et *entityType[T]) defaults() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(et.props)), func(name string) bool { return !et.props[name].onDefault })
}

// listing is a list with pages. Positions increase, and a page starts after
// the position of the last item. In the directory's order an item keeps its
// position, so that no item is skipped or repeated when others are added or
// deleted. In another order, or in a short list, the position is the index: a
// change of other items between two pages can shift the items after them.
type listing[T any] struct {
	after func(place int64) iter.Seq2[int64, T]
	count func() int // for $count
}

// listed returns the listing of a slice, by index.
func listed[T any](list []T) listing[T] {
	return listing[T]{
		after: func(place int64) iter.Seq2[int64, T] {
			return func(yield func(int64, T) bool) {
				for i := place + 1; i < int64(len(list)); i++ {
					if !yield(i, list[i]) {
						return
					}
				}
			}
		},
		count: func() int { return len(list) },
	}
}

// numbered returns the listing of numbers that are also their positions.
func numbered(seq func(after int32) iter.Seq[int32], count func() int) listing[int32] {
	return listing[int32]{count: count, after: func(place int64) iter.Seq2[int64, int32] {
		return func(yield func(int64, int32) bool) {
			for i := range seq(int32(place)) {
				if !yield(int64(i), i) {
					return
				}
			}
		}
	}}
}

// where omits the items that do not fit.
func (l listing[T]) where(fits func(T) bool) listing[T] {
	if fits == nil {
		return l
	}
	return listing[T]{
		after: func(place int64) iter.Seq2[int64, T] {
			return func(yield func(int64, T) bool) {
				for at, x := range l.after(place) {
					if fits(x) && !yield(at, x) {
						return
					}
				}
			}
		},
		count: func() int {
			n := 0
			for _, x := range l.after(-1) {
				if fits(x) {
					n++
				}
			}
			return n
		},
	}
}

// sortedBy returns the listing of the numbers that fit, sorted by a string in
// ascending or descending order.
func sortedBy(list []int32, fits func(int32) bool, get func(int32) string, descending bool) listing[int32] {
	kept := make([]int32, 0, len(list))
	for _, i := range list {
		if fits == nil || fits(i) {
			kept = append(kept, i)
		}
	}
	slices.SortStableFunc(kept, func(a, b int32) int {
		if descending {
			a, b = b, a
		}
		return cmp.Compare(get(a), get(b))
	})
	return listed(kept)
}
