package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Encode writes v as JSON with sorted names, so that equal answers have equal
// bytes.
func Encode(v any) []byte { return Append(nil, v) }

// Append appends the JSON of v to b. A [json.RawMessage] is appended unchanged:
// it must be valid.
func Append(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case string:
		return appendText(b, v)
	case map[string]any:
		return appendObject(b, v)
	case map[string]string:
		return appendObject(b, v)
	case []any:
		return appendList(b, v)
	case []map[string]any:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	case json.RawMessage:
		if v == nil {
			return append(b, "null"...)
		}
		return append(b, v...)
	}
	return appendOther(b, v)
}

func appendObject[V any](b []byte, o map[string]V) []byte {
	if o == nil {
		return append(b, "null"...)
	}
	var few [32]string
	names := few[:0]
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names)
	b = append(b, '{')
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendText(b, name), ':')
		b = Append(b, o[name])
	}
	return append(b, '}')
}

func appendList[V any](b []byte, list []V) []byte {
	if list == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = Append(b, v)
	}
	return append(b, ']')
}

// appendText leaves texts with escapes to [appendOther].
func appendText(b []byte, s string) []byte {
	for _, r := range s {
		if r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError || r == '\u2028' || r == '\u2029' {
			return appendOther(b, s)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

func appendOther(b []byte, v any) []byte {
	text := bytes.NewBuffer(b)
	j := json.NewEncoder(text)
	j.SetEscapeHTML(false) // Links contain &.
	if err := j.Encode(v); err != nil {
		panic(err) // All encoded values are the emulator's own.
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// Digest returns a short hash of a text.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
