// Package settings contains the configuration structs of the emulator, and
// parses them from JSON and from the texts of flags: JSON tags name the
// fields, durations are strings such as "1m30s", and an unknown name is an
// error that lists the valid ones.
package settings

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

// settingError is an error about one setting.
type settingError struct {
	name, message string
}

func (e *settingError) Error() string {
	if e.name == "" {
		return e.message
	}
	return e.name + ": " + e.message
}

// Wrong returns an error about a setting. The name can be "".
func Wrong(name, format string, args ...any) error {
	return &settingError{name, fmt.Sprintf(format, args...)}
}

// Fields yields the names and fields of the struct at v. Fields are pointers;
// that of a time.Duration is a *Duration.
func Fields(v any) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		for f, value := range reflect.ValueOf(v).Elem().Fields() {
			field := value.Addr().Interface()
			if d, ok := field.(*time.Duration); ok {
				field = (*Duration)(d)
			}
			if name := f.Tag.Get("json"); name != "-" && !yield(name, field) {
				return
			}
		}
	}
}

// Names returns the names of the fields of the struct at v.
func Names(v any) []string {
	var names []string
	for name := range Fields(v) {
		names = append(names, name)
	}
	return names
}

// setting returns the field with a name.
func setting(v any, path, name string) (any, error) {
	for known, field := range Fields(v) {
		if known == name {
			return field, nil
		}
	}
	return nil, Wrong(path, "unknown name %q; valid names: %s", Shortened(name), strings.Join(Names(v), ", "))
}

// Shortened truncates a text for a quotation in an error.
func Shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Duration is a time.Duration in text form.
type Duration time.Duration

func (d Duration) MarshalText() ([]byte, error) {
	if time.Duration(d) == Immediately {
		return []byte("immediately"), nil
	}
	return []byte(time.Duration(d).String()), nil
}

func (d *Duration) UnmarshalText(text []byte) error {
	if string(text) == "immediately" {
		*d = Duration(Immediately)
		return nil
	}
	read, err := time.ParseDuration(string(text))
	*d = Duration(read)
	return err
}

// IsZero reports whether the field is zero.
func IsZero(field any) bool { return reflect.ValueOf(field).Elem().IsZero() }

// Decode parses a JSON object into the struct at v. It keeps fields that are
// not in the object, and null sets the zero value. After an error the struct
// is invalid.
func Decode(v any, path string, raw []byte) error {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return Wrong(path, "must be a JSON object")
	}
	for _, name := range slices.Sorted(maps.Keys(o)) { // in a fixed order, so that the error is deterministic
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
		return Decode(t, path, raw)
	}
	reflect.ValueOf(field).Elem().SetZero() // Null sets the zero value, and a list replaces the old one.
	if json.Unmarshal(raw, field) != nil {
		return Wrong(path, "must be %s", kindName(field))
	}
	return nil
}

// parseSetting parses a field from the text of a flag.
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
		return Wrong(path, "%q is not %s", Shortened(text), kindName(field))
	}
	return nil
}

// SetText sets the field at a path such as throttling.writes or header.Location.
func SetText(v any, path, name, text string) error {
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
		return SetText(p, path, rest, text)
	case *map[string]string:
		if *p == nil {
			*p = map[string]string{}
		}
		(*p)[rest] = text
	case *map[string]any:
		if *p == nil {
			*p = map[string]any{}
		}
		var value any
		if json.Unmarshal([]byte(text), &value) != nil {
			value = text // Text that is not JSON is a string.
		}
		(*p)[rest] = value
	default:
		return Wrong(path, "it has no members")
	}
	return nil
}

func kindName(field any) string {
	switch field.(type) {
	case *Duration:
		return `a duration, such as "1m30s"`
	case *Throttling:
		return "one of its values"
	case *bool:
		return "true or false"
	case *int, *uint64:
		return "an integer"
	case *float64:
		return "a number"
	case *[]string:
		return "a list of strings"
	case *map[string]string, *map[string]any:
		return "an object"
	case *string:
		return "a string"
	}
	return "a list"
}
