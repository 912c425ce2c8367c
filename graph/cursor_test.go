package graph

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

func testCursors(t testing.TB, key byte, tenant string) *cursors {
	t.Helper()
	c, err := newCursors([][]byte{slices.Repeat([]byte{key}, cursorKeySize)}, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCursorKey(t *testing.T) {
	t.Parallel()
	for size := range 64 {
		if _, err := newCursors([][]byte{make([]byte, size)}, "t"); (err == nil) != (size == cursorKeySize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestCursorRoundTrip tests that a cursor opens with the same keys, tenant and list only.
func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	c, other := testCursors(t, 1, "t"), testCursors(t, 1, "t")
	for _, at := range []cursor{
		{},
		{Top: 50, Skip: 3},
		{Link: "/users?$skiptoken=x", Shown: "id,displayName"},
		{Link: "/users?$skiptoken=" + strings.Repeat("0123456789abcdef", 400), Skip: 998, Shown: strings.Join(upstreamProperties["User"], ",")},
	} {
		text := c.seal("users", at)
		if text != c.seal("users", at) || text != other.seal("users", at) {
			t.Error("cursors of the same position differ")
		}
		if text == c.seal("groups", at) || text == testCursors(t, 1, "u").seal("users", at) {
			t.Error("cursors of two lists are equal")
		}
		if len(text) > maxCursor {
			t.Errorf("the cursor has %d characters, more than maxCursor", len(text))
		}
		got, err := other.open("users", "after", text)
		if diff := cmp.Diff(at, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		for name, wrong := range map[string]func() (cursor, error){
			"another list":   func() (cursor, error) { return c.open("assignmentErrors", "after", text) },
			"another tenant": func() (cursor, error) { return testCursors(t, 1, "u").open("users", "after", text) },
			"another key":    func() (cursor, error) { return testCursors(t, 2, "t").open("users", "after", text) },
		} {
			var input *upstream.InputError
			if at, err := wrong(); !errors.As(err, &input) {
				t.Errorf("%s reads %v, %v", name, at, err)
			}
		}
	}
	// The tenant and the list are delimited.
	if _, err := testCursors(t, 1, "t").open("users", "after", testCursors(t, 1, "tu").seal("sers", cursor{})); err == nil {
		t.Error("tenant and list are not delimited")
	}
}

// TestCursorKeysChange tests that a cursor opens while its key is one of the keys.
func TestCursorKeysChange(t *testing.T) {
	t.Parallel()
	key := func(b byte) []byte { return slices.Repeat([]byte{b}, cursorKeySize) }
	c := testCursors(t, 1, "t")
	seen := c.of(&identity.Caller{TenantID: "other"})
	first, theirs := c.seal("users", cursor{Skip: 1}), seen.seal("users", cursor{Skip: 2})
	opens := func(c *cursors, text string) bool { _, err := c.open("users", "after", text); return err == nil }
	for _, step := range []struct {
		keys [][]byte
		want bool // with the first key
	}{{[][]byte{key(1), key(2)}, true}, {[][]byte{key(2), key(1)}, true}, {[][]byte{key(2)}, false}, {[][]byte{key(1)}, true}} {
		if err := c.change(step.keys); err != nil {
			t.Fatal(err)
		}
		if got := opens(c, first); got != step.want || opens(seen, theirs) != step.want {
			t.Errorf("with %d keys: %v", len(step.keys), got)
		}
		text := c.seal("users", cursor{Skip: 3})
		if !opens(c, text) || opens(seen, text) || opens(testCursors(t, step.keys[0][0], "t"), text) != true {
			t.Errorf("with %d keys, a new one", len(step.keys))
		}
	}
	for _, bad := range [][][]byte{nil, {}, {[]byte("short")}, {key(1), []byte("short")}} {
		if c.change(bad) == nil || !opens(c, first) {
			t.Errorf("%d invalid keys accepted", len(bad))
		}
	}
}

// FuzzCursor opens random texts and modified cursors. They return an InputError.
func FuzzCursor(f *testing.F) {
	c := testCursors(f, 1, "t")
	f.Add("", 0)
	f.Add("A", -1)
	f.Add("====", 10)
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 28)), 0)
	f.Add(strings.Repeat("A", maxCursor+1), 3)
	f.Fuzz(func(t *testing.T, text string, place int) {
		sealed := c.seal("users", cursor{Link: "/users?$skiptoken=x"})
		place = (place%len(sealed) + len(sealed)) % len(sealed)
		for _, forged := range []string{text, sealed[:place], sealed[:place] + text + sealed[place:], sealed[:place] + text} {
			at, err := c.open("users", "after", forged)
			if err == nil && !same(forged, sealed) {
				t.Errorf("%q opens to %+v", forged, at)
			}
			var input *upstream.InputError
			if err != nil && !errors.As(err, &input) {
				t.Errorf("%q: %v", forged, err)
			}
		}
	})
}

// same reports whether two texts decode to the same bytes: Base64 ignores line breaks and the last bits.
func same(a, b string) bool {
	x, err := base64.RawURLEncoding.DecodeString(a)
	y, err2 := base64.RawURLEncoding.DecodeString(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

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
			read := func(at cursor) upstream.Page[int] {
				n, _ := strconv.Atoi(at.Link)
				page := upstream.Page[int]{Items: pages[n]}
				if n+1 < len(pages) {
					page.Next = strconv.Itoa(n + 1)
				}
				return page
			}
			// from reads one page.
			from := func(at cursor, first int) page[int] {
				p := page[int]{first: first, end: at}
				for done := false; !done; {
					upstream := read(at)
					at = cursor{Link: upstream.Next}
					items := make([]element[int], len(upstream.Items))
					for i, item := range upstream.Items {
						items[i] = element[int]{value: item, ok: true}
					}
					done = p.add(items, nil, nil, at)
				}
				return p
			}
			var got []int
			var places []cursor
			for at, more := (cursor{}), true; more; {
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

// BenchmarkSeal seals one cursor; a page can have a thousand.
func BenchmarkSeal(b *testing.B) {
	c := testCursors(b, 1, "t")
	at := cursor{Link: "/users?$skiptoken=" + strings.Repeat("0123456789abcdef", 20), Skip: 998, Shown: strings.Join(upstreamProperties["User"], ",")}
	b.ReportAllocs()
	for b.Loop() {
		c.seal("users", at)
	}
}
