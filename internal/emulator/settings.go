package emulator

import (
	"encoding"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Settings are structs that people write by hand: [Variants], [Throttling] and
// [Fault]. In JSON and in flags their fields go by their JSON tags, durations are
// text such as "1m30s", and a name that is none is refused with those that are.

// settingError says which setting is wrong, and how.
type settingError struct {
	name, message string
}

func (e *settingError) Error() string {
	if e.name == "" {
		return e.message
	}
	return e.name + ": " + e.message
}

func wrongSetting(name, format string, args ...any) error {
	return &settingError{name, fmt.Sprintf(format, args...)}
}

// settings are the names and fields of the struct at v. Fields come as pointers, that
// of a time.Duration as *duration.
func settings(v any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for f, value := range reflect.ValueOf(v).Elem().Fields() {
			field := value.Addr().Interface()
			if d, ok := field.(*time.Duration); ok {
				field = (*duration)(d)
			}
			if name := f.Tag.Get("json"); name != "-" && !yield(name, field) {
				return
			}
		}
	}
}

// settingNames lists the fields of the struct at v as they are written.
func settingNames(v any) []string {
	var names []string
	for name := range settings(v) {
		names = append(names, name)
	}
	return names
}

// setting finds the field of that name.
func setting(v any, path, name string) (any, error) {
	for known, field := range settings(v) {
		if known == name {
			return field, nil
		}
	}
	return nil, wrongSetting(path, "there is no %q; there are %s", shortened(name), strings.Join(settingNames(v), ", "))
}

func shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// duration is a time.Duration as it is written.
type duration time.Duration

func (d duration) MarshalText() ([]byte, error) {
	if time.Duration(d) == Immediately {
		return []byte("immediately"), nil
	}
	return []byte(time.Duration(d).String()), nil
}

func (d *duration) UnmarshalText(text []byte) error {
	if string(text) == "immediately" {
		*d = duration(Immediately)
		return nil
	}
	read, err := time.ParseDuration(string(text))
	*d = duration(read)
	return err
}

// isZero says whether the field is not set.
func isZero(field any) bool { return reflect.ValueOf(field).Elem().IsZero() }

// decodeSettings reads a JSON object into the struct at v. What it does not name
// stays, and null is the zero value. After an error the struct is of no use.
func decodeSettings(v any, path string, raw []byte) error {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return wrongSetting(path, "it is not a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(o)) { // The first error is always the same.
		field, err := setting(v, path, name)
		if err != nil {
			return err
		}
		if err := decodeSetting(field, join(path, name), o[name]); err != nil {
			return err
		}
	}
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func decodeSetting(field any, path string, raw []byte) error {
	var text string
	if _, ok := field.(encoding.TextUnmarshaler); ok && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		return parseSetting(field, path, text)
	}
	if t, ok := field.(*Throttling); ok && string(raw) != "null" {
		return decodeSettings(t, path, raw)
	}
	reflect.ValueOf(field).Elem().SetZero() // Null leaves it so, and a list is not written into another one's.
	if json.Unmarshal(raw, field) != nil {
		return wrongSetting(path, "it is %s", kindName(field))
	}
	return nil
}

// parseSetting reads a field from the text of a flag.
func parseSetting(field any, path, text string) error {
	var err error
	switch p := field.(type) {
	case encoding.TextUnmarshaler:
		err = p.UnmarshalText([]byte(text))
	case *string:
		*p = text
	case *bool:
		*p, err = strconv.ParseBool(text)
	case *int:
		*p, err = strconv.Atoi(text)
	case *uint64:
		*p, err = strconv.ParseUint(text, 10, 64)
	case *float64:
		*p, err = strconv.ParseFloat(text, 64)
	case *[]string:
		*p = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
	default:
		return decodeSetting(field, path, []byte(text))
	}
	if err != nil {
		return wrongSetting(path, "%q is not %s", shortened(text), kindName(field))
	}
	return nil
}

// setText sets the field at a path such as throttling.writes or header.Location.
func setText(v any, path, name, text string) error {
	name, rest, deeper := strings.Cut(name, ".")
	field, err := setting(v, path, name)
	if err != nil {
		return err
	}
	path = join(path, name)
	if !deeper {
		return parseSetting(field, path, text)
	}
	switch p := field.(type) {
	case *Throttling:
		return setText(p, path, rest, text)
	case *map[string]string:
		if *p == nil {
			*p = map[string]string{}
		}
		(*p)[rest] = text
	case *map[string]any:
		if *p == nil {
			*p = object{}
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text // What is not JSON is text.
		}
		(*p)[rest] = value
	default:
		return wrongSetting(path, "there is nothing inside")
	}
	return nil
}

func kindName(field any) string {
	switch field.(type) {
	case *duration:
		return `a duration, such as "1m30s"`
	case *Throttling:
		return "one of its values"
	case *bool:
		return "true or false"
	case *int, *uint64:
		return "a whole number"
	case *float64:
		return "a number"
	case *[]string:
		return "a list of texts"
	case *map[string]string, *map[string]any:
		return "an object"
	case *string:
		return "a text"
	}
	return "a list"
}
