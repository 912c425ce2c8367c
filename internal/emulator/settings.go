package emulator

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Settings are structs that people write by hand: [Variants], [Throttling] and
// [Fault]. In JSON and in flags their fields go by the Go names with a small first
// letter, durations are text such as "1m30s", and a name that is none is refused
// with those that are.

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

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// settingName is how a field is written; "" when it cannot be.
func settingName(f reflect.StructField) string {
	if !f.IsExported() || f.Type.Kind() == reflect.Func {
		return ""
	}
	first, size := utf8.DecodeRuneInString(f.Name)
	return string(unicode.ToLower(first)) + f.Name[size:]
}

// settingNames lists the fields of a struct as they are written.
func settingNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		if name := settingName(f); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// setting finds the field of that name.
func setting(v reflect.Value, path, name string) (reflect.Value, error) {
	for f, field := range v.Fields() {
		if name != "" && settingName(f) == name {
			return field, nil
		}
	}
	known := strings.Join(settingNames(v.Type()), ", ")
	return v, wrongSetting(path, "there is no %q; there are %s", shortened(name), known)
}

func shortened(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// encodeSettings is the JSON object of a struct, of the fields that are set or of all.
func encodeSettings(v reflect.Value, all bool) object {
	o := object{}
	for f, field := range v.Fields() {
		name := settingName(f)
		if name == "" || !all && field.IsZero() {
			continue
		}
		switch {
		case field.Type() == durationType:
			o[name] = durationText(time.Duration(field.Int()))
		case field.Kind() == reflect.Struct:
			o[name] = encodeSettings(field, all)
		default:
			o[name] = field.Interface()
		}
	}
	return o
}

func durationText(d time.Duration) string {
	if d == Immediately {
		return "immediately"
	}
	return d.String()
}

func parseDuration(s string) (time.Duration, error) {
	if s == "immediately" {
		return Immediately, nil
	}
	return time.ParseDuration(s)
}

// decodeSettings reads a JSON object into a struct. What it does not name stays,
// and null is the zero value. Nothing changes when it fails.
func decodeSettings(v reflect.Value, path string, raw []byte) error {
	var o map[string]json.RawMessage
	if err := json.Unmarshal(raw, &o); err != nil || o == nil {
		return wrongSetting(path, "it is not a JSON object")
	}
	fresh := reflect.New(v.Type()).Elem()
	fresh.Set(v)
	names := make([]string, 0, len(o))
	for name := range o {
		names = append(names, name)
	}
	slices.Sort(names) // The first error is always the same.
	for _, name := range names {
		field, err := setting(fresh, path, name)
		if err != nil {
			return err
		}
		if err := decodeSetting(field, join(path, name), o[name]); err != nil {
			return err
		}
	}
	v.Set(fresh)
	return nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func decodeSetting(field reflect.Value, path string, raw json.RawMessage) error {
	text, isText := "", false
	if json.Unmarshal(raw, &text) == nil {
		isText = len(raw) > 0 && raw[0] == '"'
	}
	switch {
	case string(raw) == "null":
		field.SetZero()
	case isText && (field.Type() == durationType || field.Addr().Type().Implements(textType)):
		return parseSetting(field, path, text)
	case field.Type() == durationType:
		return wrongSetting(path, `it is a duration, such as "1m30s"`)
	case field.Kind() == reflect.Struct:
		return decodeSettings(field, path, raw)
	default:
		value := reflect.New(field.Type())
		if err := json.Unmarshal(raw, value.Interface()); err != nil {
			return wrongSetting(path, "it is %s", kindName(field.Type()))
		}
		field.Set(value.Elem())
	}
	return nil
}

// parseSetting reads a field from the text of a flag.
func parseSetting(field reflect.Value, path, text string) error {
	var err error
	switch {
	case field.Addr().Type().Implements(textType):
		err = field.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text))
	case field.Type() == durationType:
		var d time.Duration
		d, err = parseDuration(text)
		field.SetInt(int64(d))
	default:
		switch field.Kind() {
		case reflect.String:
			field.SetString(text)
		case reflect.Bool:
			var b bool
			b, err = strconv.ParseBool(text)
			field.SetBool(b)
		case reflect.Int:
			var n int64
			n, err = strconv.ParseInt(text, 10, 64)
			field.SetInt(n)
		case reflect.Uint64:
			var n uint64
			n, err = strconv.ParseUint(text, 10, 64)
			field.SetUint(n)
		case reflect.Float64:
			var x float64
			x, err = strconv.ParseFloat(text, 64)
			field.SetFloat(x)
		case reflect.Slice:
			if field.Type().Elem().Kind() == reflect.String {
				list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
				field.Set(reflect.ValueOf(list))
				return nil
			}
			return decodeSetting(field, path, json.RawMessage(text))
		default:
			return decodeSetting(field, path, json.RawMessage(text))
		}
	}
	if err != nil {
		return wrongSetting(path, "%q is not %s", shortened(text), kindName(field.Type()))
	}
	return nil
}

// setText sets the field at a path such as throttling.writes or header.Location.
func setText(v reflect.Value, path, name, text string) error {
	name, rest, deeper := strings.Cut(name, ".")
	field, err := setting(v, path, name)
	path = join(path, name)
	switch {
	case err != nil:
		return err
	case !deeper:
		return parseSetting(field, path, text)
	case field.Kind() == reflect.Struct:
		return setText(field, path, rest, text)
	case field.Kind() == reflect.Map:
		if field.IsNil() {
			field.Set(reflect.MakeMap(field.Type()))
		}
		value := reflect.ValueOf(text)
		if field.Type().Elem().Kind() == reflect.Interface {
			var any any
			if json.Unmarshal([]byte(text), &any) != nil {
				any = text // What is not JSON is text.
			}
			value = reflect.New(field.Type().Elem()).Elem()
			if any != nil {
				value.Set(reflect.ValueOf(any))
			}
		}
		field.SetMapIndex(reflect.ValueOf(rest), value)
		return nil
	}
	return wrongSetting(path, "there is nothing inside")
}

func kindName(t reflect.Type) string {
	switch {
	case t == durationType:
		return `a duration, such as "1m30s"`
	case reflect.PointerTo(t).Implements(textType):
		return "one of its values"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Uint64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of texts"
	case reflect.Map:
		return "an object"
	}
	return "a text"
}
