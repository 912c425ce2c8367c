package cursor

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

func testSealer(t testing.TB, key byte, tenant string) *Sealer {
	t.Helper()
	c, err := New([][]byte{slices.Repeat([]byte{key}, keySize)}, tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCursorKey(t *testing.T) {
	t.Parallel()
	for size := range 64 {
		if _, err := New([][]byte{make([]byte, size)}, "t"); (err == nil) != (size == keySize) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// TestCursorRoundTrip tests that a cursor opens with the same keys, tenant and list only.
func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	c, other := testSealer(t, 1, "t"), testSealer(t, 1, "t")
	for _, at := range []Position{
		{},
		{Top: 50, Skip: 3},
		{ID: "a", Source: 4, Part: 2},
		{Link: "/users?$skiptoken=x", Shown: "id,displayName"},
		{Link: "/users?$skiptoken=" + strings.Repeat("0123456789abcdef", 400), Skip: 998, Shown: strings.Repeat("userPrincipalName,", 40)},
	} {
		text := c.In("users")(at)
		if text != c.In("users")(at) || text != other.In("users")(at) {
			t.Error("cursors of the same position differ")
		}
		if text == c.In("groups")(at) || text == testSealer(t, 1, "u").In("users")(at) {
			t.Error("cursors of two lists are equal")
		}
		if len(text) > maxLength {
			t.Errorf("the cursor has %d characters, more than maxLength", len(text))
		}
		got, err := other.Open("users", "after", text)
		if diff := cmp.Diff(at, got); err != nil || diff != "" {
			t.Errorf("%v\n%s", err, diff)
		}
		for name, wrong := range map[string]func() (Position, error){
			"another list":   func() (Position, error) { return c.Open("assignmentErrors", "after", text) },
			"another tenant": func() (Position, error) { return testSealer(t, 1, "u").Open("users", "after", text) },
			"another key":    func() (Position, error) { return testSealer(t, 2, "t").Open("users", "after", text) },
		} {
			var input *upstream.InputError
			if at, err := wrong(); !errors.As(err, &input) {
				t.Errorf("%s reads %v, %v", name, at, err)
			}
		}
	}
	// The tenant and the list are delimited.
	if _, err := testSealer(t, 1, "t").Open("users", "after", testSealer(t, 1, "tu").In("sers")(Position{})); err == nil {
		t.Error("tenant and list are not delimited")
	}
}

// TestCursorKeysChange tests that a cursor opens while its key is one of the keys.
func TestCursorKeysChange(t *testing.T) {
	t.Parallel()
	key := func(b byte) []byte { return slices.Repeat([]byte{b}, keySize) }
	c := testSealer(t, 1, "t")
	seen := c.Of(&identity.Caller{TenantID: "other"})
	first, theirs := c.In("users")(Position{Skip: 1}), seen.In("users")(Position{Skip: 2})
	opens := func(c *Sealer, text string) bool { _, err := c.Open("users", "after", text); return err == nil }
	for _, step := range []struct {
		keys [][]byte
		want bool // with the first key
	}{{[][]byte{key(1), key(2)}, true}, {[][]byte{key(2), key(1)}, true}, {[][]byte{key(2)}, false}, {[][]byte{key(1)}, true}} {
		if err := c.ChangeKeys(step.keys); err != nil {
			t.Fatal(err)
		}
		if got := opens(c, first); got != step.want || opens(seen, theirs) != step.want {
			t.Errorf("with %d keys: %v", len(step.keys), got)
		}
		text := c.In("users")(Position{Skip: 3})
		if !opens(c, text) || opens(seen, text) || opens(testSealer(t, step.keys[0][0], "t"), text) != true {
			t.Errorf("with %d keys, a new one", len(step.keys))
		}
	}
	for _, bad := range [][][]byte{nil, {}, {[]byte("short")}, {key(1), []byte("short")}} {
		if c.ChangeKeys(bad) == nil || !opens(c, first) {
			t.Errorf("%d invalid keys accepted", len(bad))
		}
	}
}

// FuzzCursor opens random texts and modified cursors. They return an InputError.
func FuzzCursor(f *testing.F) {
	c := testSealer(f, 1, "t")
	f.Add("", 0)
	f.Add("A", -1)
	f.Add("====", 10)
	f.Add(base64.RawURLEncoding.EncodeToString(make([]byte, 28)), 0)
	f.Add(strings.Repeat("A", maxLength+1), 3)
	f.Fuzz(func(t *testing.T, text string, place int) {
		sealed := c.In("users")(Position{Link: "/users?$skiptoken=x"})
		place = (place%len(sealed) + len(sealed)) % len(sealed)
		for _, forged := range []string{text, sealed[:place], sealed[:place] + text + sealed[place:], sealed[:place] + text} {
			at, err := c.Open("users", "after", forged)
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

// same reports whether two texts decode to the same bytes: Base64 ignores line breaks.
func same(a, b string) bool {
	x, err := base64.RawURLEncoding.DecodeString(a)
	y, err2 := base64.RawURLEncoding.DecodeString(b)
	return err == nil && err2 == nil && string(x) == string(y)
}

// BenchmarkSeal seals one cursor; a page can have a thousand.
func BenchmarkSeal(b *testing.B) {
	c := testSealer(b, 1, "t")
	at := Position{Link: "/users?$skiptoken=" + strings.Repeat("0123456789abcdef", 20), Skip: 998, Shown: strings.Repeat("userPrincipalName,", 40)}
	b.ReportAllocs()
	seal := c.In("users")
	for b.Loop() {
		seal(at)
	}
}
