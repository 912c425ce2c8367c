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

// unmarshal decodes an object. A property whose value cannot be read costs that property, which is then noted among the
// object's [upstream.Unread]: one odd value never takes the object, or the list that it is in. An id has no substitute.
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
	errOdd     = errors.New("a value that cannot be read")
)

// readObject decodes an object property by property, into zero values.
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
			return errors.New("an object without an id")
		}
		unread[name] = upstream.OddValue(object.Type().Name() + "." + name)
	}
	if len(unread) > 0 {
		object.FieldByName("Unread").Set(reflect.ValueOf(unread))
	}
	return nil
}

// readValue decodes a value; when it cannot, it leaves what can be read of a list, else the zero value.
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

// readList decodes the elements that can be read.
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

// isObject tells whether a type is an object of the service, whose properties are read one by one.
func isObject(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	field, ok := t.FieldByName("Unread")
	return ok && field.Type == unreadType
}

// beyond32Bits reads a whole number that needs more than 32 bits as the nearest that does not.
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

// maxDigits bounds a number that is read.
const maxDigits = 40

// notNull are the properties that are never null, as the service documents them.
var notNull = []string{"assignableTo", "code", "message", "planId", "subscriptionId", "tags"}

// oddNull tells whether a text may have null as an element of a list, or for a property that is never null: what decoding
// takes without an error.
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

// maxValues bounds the values of an answer. A value of a real one takes more than 30 bytes.
const maxValues = 1 << 20

// values counts the values of a text in JSON, those within values among them, as far as it matters.
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
