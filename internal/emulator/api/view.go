package api

import (
	"cmp"
	"iter"
	"maps"
	"net/http"
	"slices"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// holder is a directory object that can have licenses.
type holder = tenant.Ref

// property is a property of an entity type: how to read it, and what may be
// done with it.
type property[T any] struct {
	get       func(c *call, x T) any
	onDefault bool // returned without $select
	sparse    bool // and then only where there is one
	license   bool // never through directoryObjects
	basic     bool // basic permissions are enough to read it
}

// entityType is the properties of a type by name.
type entityType[T any] struct {
	name  string // such as microsoft.graph.user
	props map[string]property[T]
	other []string // properties that Microsoft Graph has and the tenant has not
	basic []string // permissions to read basic properties alone
}

// textOf is a property that is a text, or null where there is none.
func textOf[T any](get func(c *call, x T) string) func(*call, T) any {
	return func(c *call, x T) any { return orNull(get(c, x)) }
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func always[T any](v any) func(*call, T) any {
	return func(*call, T) any { return v }
}

// check refuses a $select of properties that the type does not have.
func (et *entityType[T]) check(d dialect, sel []string) *wire.Problem {
	for _, name := range sel {
		if _, ok := et.props[name]; !ok && slices.Contains(et.other, name) {
			return notImplemented(name)
		} else if !ok {
			return d.selecting("Parsing OData Select and Expand failed: Could not find a property named '%s' on type '%s'.", name, et.name)
		}
	}
	return nil
}

// limit is check for a caller who may read basic properties alone: nothing else can be
// selected or sorted by. What is filtered or searched by another property is left out, by
// Microsoft Learn, "Use the $filter query parameter".
func (et *entityType[T]) limit(c *call, q *query) *wire.Problem {
	if !c.basic {
		return nil
	}
	hidden := func(name string) bool { return !et.props[name].basic }
	if slices.ContainsFunc(q.sel, hidden) || slices.ContainsFunc(q.orderBy, func(o odata.Order) bool { return hidden(o.Path) }) {
		return wire.Usual(http.StatusForbidden)
	}
	if slices.ContainsFunc(q.asksAbout(), hidden) {
		if c.Variants.RefuseHiddenFilters {
			return wire.Usual(http.StatusForbidden)
		}
		q.nothing = true
	}
	return nil
}

// conceal writes null, or an empty list, for what is not basic.
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

// render writes the selected properties of x, or the default ones.
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
			o[name] = p.get(c, x)
		}
	}
	return o
}

// defaults are the names of the properties that come without $select.
func (et *entityType[T]) defaults() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(et.props)), func(name string) bool { return !et.props[name].onDefault })
}

// listing is a list with pages. Its places grow, and a page begins
// after the place of the last item before it. In the order of the directory an item keeps its
// place, so that no item is skipped or repeated when others are added or deleted. In
// another order, or in a short list, the place is the position: a change of other items between two pages
// can shift the items after them.
type listing[T any] struct {
	after func(place int64) iter.Seq2[int64, T]
	count func() int // for $count
}

// listed is the listing of a list as it is now, by the positions in it.
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

// numbered is the listing of numbers that are their own places.
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

// where leaves out the items that do not fit.
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

// sortedBy is the listing of numbers that fit by a text, in ascending order or
// the reverse.
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
