package graph

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"licensegraph/graph/cursor"
	"licensegraph/internal/upstream"
)

// TestPageOfAnySplit reads lists of upstream pages of any size, in pages of any size, and continues after each
// element: the elements are always the same.
func TestPageOfAnySplit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			all := make([]int, r.IntN(60))
			for i := range all {
				all[i] = i
			}
			var pages [][]int // the index is the link
			for rest := all; len(rest) > 0 || len(pages) == 0; {
				n := min(r.IntN(12), len(rest))
				pages = append(pages, rest[:n])
				rest = rest[n:]
			}
			for range r.IntN(3) {
				pages = append(pages, nil)
			}
			read := func(at cursor.Position) upstream.Page[int] {
				n, _ := strconv.Atoi(at.Link)
				page := upstream.Page[int]{Items: pages[n]}
				if n+1 < len(pages) {
					page.Next = strconv.Itoa(n + 1)
				}
				return page
			}
			// from reads one page.
			from := func(at cursor.Position, first int) page[int] {
				p := page[int]{first: first, end: at}
				for done := false; !done; {
					upstream := read(at)
					at = cursor.Position{Link: upstream.Next}
					items := make([]element[int], len(upstream.Items))
					for i, item := range upstream.Items {
						items[i] = element[int]{value: item, ok: true}
					}
					done = p.add(items, nil, nil, at)
				}
				return p
			}
			var got []int
			var places []cursor.Position
			for at, more := (cursor.Position{}), true; more; {
				p := from(at, 1+r.IntN(15))
				if len(p.items) > p.first || len(p.items) != len(p.places) || p.more && len(p.items) < p.first {
					t.Fatalf("%+v", p)
				}
				got, places = append(got, p.items...), append(places, p.places...)
				at, more = p.end, p.more
			}
			if !slices.Equal(got, all) {
				t.Fatalf("got %v of %v", got, pages)
			}
			for i, at := range places {
				if n, _ := strconv.Atoi(at.Link); n+1 < len(pages) && at.Skip > 0 && at.Skip >= len(pages[n]) {
					t.Errorf("after %d: %+v reads a page without requested elements", i, at)
				}
				want := all[i+1:]
				p := from(at, 1+r.IntN(15))
				if want = want[:min(len(want), p.first)]; !slices.Equal(p.items, want) {
					t.Errorf("after %d: got %v, want %v of %v", i, p.items, want, pages)
				}
			}
		})
	}
}
