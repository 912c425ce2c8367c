package api

import (
	"slices"
	"strings"
	"unicode"

	"licensegraph/internal/emulator/odata"
)

// tokenized are the properties in which $search finds words. In other
// properties it compares the start.
var tokenized = []string{"displayName", "description"}

// compileSearch converts a validated search to a function. See Microsoft
// Learn, "Use the $search query parameter".
func compileSearch[T any](s *odata.Search, get func(property string) func(T) string, known func(path string, fits func(T) bool) func(T) bool) func(T) bool {
	if s.Kids != nil {
		kids := make([]func(T) bool, len(s.Kids))
		for i := range s.Kids {
			kids[i] = compileSearch(&s.Kids[i], get, known)
		}
		ends := s.Op == odata.Or
		return func(x T) bool {
			return slices.ContainsFunc(kids, func(fits func(T) bool) bool { return fits(x) == ends }) == ends
		}
	}
	read := get(s.Property)
	fits := func(x T) bool { return hasPrefixFold(read(x), s.Text) }
	if slices.Contains(tokenized, s.Property) {
		want := slices.DeleteFunc(searchTokens(s.Text), func(t string) bool { return !isWord(t) })
		fits = func(x T) bool {
			got := searchTokens(read(x))
			return len(want) > 0 && !slices.ContainsFunc(want, func(w string) bool {
				return !slices.ContainsFunc(got, func(g string) bool { return strings.HasPrefix(g, w) })
			})
		}
	}
	if known != nil {
		return known(s.Property, fits)
	}
	return fits
}

func isWord(t string) bool {
	return strings.ContainsFunc(t, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// searchTokens splits a string at spaces and symbols, between letters and
// digits, and between a lower-case and an upper-case letter. It also returns
// the joined words with only symbols between them. Tokens are in lower case.
func searchTokens(s string) []string {
	const letter, number, symbol = 1, 2, 3
	var list []string
	for chunk := range strings.FieldsSeq(s) {
		var whole strings.Builder // the token without symbols
		from, before, small, parts := 0, 0, false, 0
		add := func(to int) {
			if from == to {
				return
			}
			t := strings.ToLower(chunk[from:to])
			list = append(list, t)
			if before != symbol {
				whole.WriteString(t)
				parts++
			}
			from = to
		}
		symbols := false
		for i, r := range chunk {
			kind := symbol
			switch {
			case unicode.IsLetter(r), unicode.IsMark(r):
				kind = letter
			case unicode.IsDigit(r):
				kind = number
			}
			if kind != before || kind == letter && small && unicode.IsUpper(r) {
				add(i)
			}
			symbols = symbols || kind == symbol
			before, small = kind, unicode.IsLower(r)
		}
		add(len(chunk))
		if symbols && parts > 1 {
			list = append(list, whole.String())
		}
	}
	return list
}
