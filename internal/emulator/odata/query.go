package odata

import (
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Limits of the query of a URL.
const (
	MaxQuery   = 256 << 10 // bytes, as sent
	MaxOptions = 64
)

// ParseQuery parses the query of a URL, which can have unescaped spaces. A
// plus is a space. A semicolon is part of a value, because it separates
// options inside $expand.
func ParseQuery(raw string) (url.Values, error) {
	if len(raw) > MaxQuery {
		return nil, &Error{Position: MaxQuery, Want: fmt.Sprintf("at most %d bytes", MaxQuery)}
	}
	values := url.Values{}
	at, n := 0, 0
	for pair := range strings.SplitSeq(raw, "&") {
		start := at
		at += len(pair) + 1
		if pair == "" {
			continue
		}
		if n++; n > MaxOptions {
			return nil, &Error{Position: start, Want: fmt.Sprintf("at most %d options", MaxOptions)}
		}
		name, value, _ := strings.Cut(pair, "=")
		plainName, err1 := url.QueryUnescape(name)
		plain, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil || !utf8.ValidString(plainName) || !utf8.ValidString(plain) {
			return nil, &Error{Position: start, Want: "percent-encoded UTF-8"}
		}
		values[plainName] = append(values[plainName], plain)
	}
	return values, nil
}
