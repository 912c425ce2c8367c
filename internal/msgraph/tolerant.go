package msgraph

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"

	"licensegraph/internal/upstream"
)

// unmarshal decodes an object. An invalid property has its zero value and an entry in the object's [upstream.Unread];
// it does not fail the object or its list. An invalid ID fails the object.
func unmarshal(raw json.RawMessage, into any) error {
	if oddNull(raw) || json.Unmarshal(raw, into) != nil {
		if err := readObject(raw, reflect.ValueOf(into).Elem()); err != nil {
			return err
		}
	}
	if object, ok := into.(interface{ FoldIDs() }); ok {
		object.FoldIDs()
	}
	return nil
}

var (
	unreadType = reflect.TypeFor[upstream.Unread]()
	errOdd     = errors.New("invalid value")
)

// readObject decodes an object property by property into zero values.
func readObject(raw json.RawMessage, object reflect.Value) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return errOdd
	}
	object.SetZero()
	unread := upstream.Unread{}
	for field, value := range object.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		member, came := members[name]
		if name == "-" || !came || readValue(member, value) == nil {
			continue
		}
		if name == "id" {
			return errors.New("missing id")
		}
		unread[name] = upstream.OddValue(object.Type().Name() + "." + name)
	}
	if len(unread) > 0 {
		object.FieldByName("Unread").Set(reflect.ValueOf(unread))
	}
	return nil
}

// readValue decodes a value. Of an invalid list it leaves the valid elements, otherwise the zero value.
func readValue(raw json.RawMessage, value reflect.Value) error {
	t := value.Type()
	switch {
	case value.Kind() == reflect.Pointer && !nothing(raw):
		held := reflect.New(t.Elem())
		if err := readValue(raw, held.Elem()); err != nil {
			return err
		}
		value.Set(held)
		return nil
	case value.Kind() == reflect.String && nothing(raw):
		return errOdd
	case value.Kind() == reflect.Slice:
		return readList(raw, value)
	case isObject(t):
		return readObject(raw, value)
	case value.Kind() == reflect.Int32:
		if n, ok := beyond32Bits(raw); ok {
			value.SetInt(n)
			return nil
		}
	}
	if err := json.Unmarshal(raw, value.Addr().Interface()); err != nil {
		value.SetZero()
		return errOdd
	}
	return nil
}

// readList decodes the valid elements of a list.
func readList(raw json.RawMessage, list reflect.Value) error {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		return errOdd
	}
	if elements == nil {
		return nil
	}
	var odd error
	items := reflect.MakeSlice(list.Type(), 0, len(elements))
	for _, element := range elements {
		item := reflect.New(list.Type().Elem()).Elem()
		if nothing(element) || readValue(element, item) != nil {
			odd = errOdd
			continue
		}
		items = reflect.Append(items, item)
	}
	list.Set(items)
	return odd
}

// isObject reports whether a type is a Microsoft Graph object, whose properties are decoded one by one.
func isObject(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	field, ok := t.FieldByName("Unread")
	return ok && field.Type == unreadType
}

// beyond32Bits decodes an integer outside the int32 range as the nearest value in it.
func beyond32Bits(raw json.RawMessage) (int64, bool) {
	n, ok := new(big.Int).SetString(string(bytes.TrimSpace(raw[:min(len(raw), maxDigits)])), 10)
	switch {
	case !ok || len(raw) > maxDigits:
		return 0, false
	case n.Cmp(big.NewInt(math.MaxInt32)) > 0:
		return math.MaxInt32, true
	case n.Cmp(big.NewInt(math.MinInt32)) < 0:
		return math.MinInt32, true
	}
	return 0, false
}

// maxDigits is the maximum length of a number.
const maxDigits = 40

// notNull are the properties that the reference documents as not nullable.
var notNull = []string{"assignableTo", "code", "message", "planId", "subscriptionId", "tags"}

// oddNull reports whether a JSON text may have null as a list element or for a property that is not nullable, which
// encoding/json accepts.
func oddNull(raw []byte) bool {
	for {
		at := bytes.Index(raw, []byte("null"))
		if at < 0 {
			return false
		}
		before := bytes.TrimRight(raw[:at], " \t\r\n")
		if len(before) > 0 && (before[len(before)-1] == '[' || before[len(before)-1] == ',') {
			return true
		}
		if property, ok := bytes.CutSuffix(before, []byte(":")); ok && slices.ContainsFunc(notNull, func(name string) bool {
			return bytes.HasSuffix(bytes.TrimRight(property, " \t\r\n"), []byte(`"`+name+`"`))
		}) {
			return true
		}
		raw = raw[at+len("null"):]
	}
}

// maxValues is the maximum number of JSON values in a response. A real value has more than 30 bytes.
const maxValues = 1 << 20

// values counts the JSON values in a text, nested ones included, up to maxValues.
func values(text []byte) (n int) {
	quoted := false
	for i := 0; i < len(text) && n <= maxValues; i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == ',' || c == '[' || c == '{':
			n++
		}
	}
	return n
}
