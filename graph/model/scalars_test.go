package model

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"

func TestUnmarshalUUID(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"", "E3", 5, nil, true, []any{e3}, e3 + " "} {
		if _, err := UnmarshalUUID(value); !isInput(err) {
			t.Errorf("%v: %v", value, err)
		}
	}
	if guid, err := UnmarshalUUID(strings.ToUpper(e3)); err != nil || guid != e3 {
		t.Errorf("%v, %v", guid, err)
	}
}

func TestUnmarshalDate(t *testing.T) {
	t.Parallel()
	for _, value := range []any{"", "2026-13-01", "2026-09-25T08:00:00Z", 5, nil} {
		if _, err := UnmarshalDate(value); !isInput(err) {
			t.Errorf("%v: %v", value, err)
		}
	}
	if day, err := UnmarshalDate("2026-09-25"); err != nil || day != "2026-09-25" {
		t.Errorf("%v, %v", day, err)
	}
}

func isInput(err error) bool {
	_, ok := errors.AsType[*upstream.InputError](err)
	return ok
}

// FuzzScalars writes malformed GUIDs and dates: they are valid JSON with the same text.
func FuzzScalars(f *testing.F) {
	for _, text := range []string{e3, "", `a"b`, `a\b`, "\x00", "\x1f", "\x7f", "\u2028", "\U000e0001", "\U0010ffff", "\xff", "<>&"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, scalar := range []graphql.Marshaler{MarshalUUID(licensing.GUID(text)), MarshalDate(licensing.Date(text))} {
			var b strings.Builder
			scalar.MarshalGQL(&b)
			var read string
			if err := json.Unmarshal([]byte(b.String()), &read); err != nil || utf8.ValidString(text) && read != text {
				t.Errorf("%q is written as %s, which is %q, %v", text, b.String(), read, err)
			}
		}
	})
}

func TestMarshalDateTime(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Date(2026, 9, 25, 8, 0, 0, 1, time.FixedZone("", 7200)), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)} {
		var b strings.Builder
		MarshalDateTime(at).MarshalGQL(&b)
		if !json.Valid([]byte(b.String())) {
			t.Errorf("%v is written as %s", at, b.String())
		}
	}
}
