package decode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

var (
	users      = TypeOf[licensing.User]()
	allotments = TypeOf[licensing.Allotment]()
	groups     = TypeOf[licensing.Group]()
	others     = TypeOf[licensing.OtherDirectoryObject]()
)

// userTexts are JSON texts of users, valid and not.
var userTexts = []string{
	`{"id":"a"}`,
	`{"id":"05E9A617-0261-4CEE-BB44-138D3EF5D965","displayName":"Ada \u00e9\n\ud83d\ude00","accountEnabled":true}`,
	`{"id":"a","displayName":null,"businessPhones":[],"assignedLicenses":null,"deletedDateTime":"2026-09-25T08:00:00Z"}`,
	`{"id":"a","displayName":5,"accountEnabled":"yes","businessPhones":["1",null,2,"3"],"deletedDateTime":"yesterday"}`,
	`{"id":"a","assignedLicenses":[{"skuId":"05E9A617-0261-4CEE-BB44-138D3EF5D965","disabledPlans":["X","y",5]},null,7,{"disabledPlans":{}},{}]}`,
	`{"id":"a","licenseAssignmentStates":[{"state":"Active","error":"None","assignedByGroup":"ABC","lastUpdatedDateTime":"2026-09-25T08:00:00.1234567+02:00"}]}`,
	`{"id":"a","id":"b","displayName":"first","displayName":"second"}`,
	`{"id":"a","displayName":5,"displayName":"second"}`,
	`{"id":"a","displayName":"first","displayName":5}`,
	`{"d\u0069splayName":"escaped name","id":"a"}`,
	`{"DisplayName":"another case","ID":"b","id":"a"}`,
	`{"id":null}`, `{"id":""}`, `{"id":5}`, `{}`, `[]`, `5`, `"text"`, `true`, `null`, ``, ` `, `{`, `{"id":"a"`, `{"id":"a"}}`, `{"id":"a"} x`, `{"id":"a",}`, `{"id":'a'}`,
	`{"id":"a","unknown":{"deep":[[[{"x":1}]]]},"@odata.etag":"W/1","displayName":"x"}`,
	`{"id":"a","unknown":nul}`, "{\"id\":\"a\"}\x00", "\x00", `{"id":"a","unknown":-}`, `{"id":"a","unknown":1.}`, `{"id":"a","unknown":1e+}`, `{"id":"a","unknown":[1,]}`, `{"id":"a","unknown":[1 2]}`, `{"id":"a" "unknown":1}`, `{"id" "a"}`, `{,}`, `[,]`, `{"id":"a","unknown":"\u12g4"}`, `{"id":"a","unknown":"\u12`, `{"id":"a","unknown":-0.5E-7}`, `{"id":"a","unknown":01}`, `{"id":"a","unknown":1e400,"displayName":"x"}`, `{"id":"a","unknown":"\x"}`, `{"id":"a","unknown":"\ud800"}`,
	"{\"id\":\"a\",\"displayName\":\"bad \xff\xfe utf8\"}", "{\"id\":\"a\",\"displayName\":\"a\tb\"}", "\ufeff{\"id\":\"a\"}",
	`{"id":"a","displayName":"` + strings.Repeat("x", 5000) + `"}`,
	`{"id":"a","unknown":` + strings.Repeat("[", 9_990) + strings.Repeat("]", 9_990) + `}`,
	`{"id":"a","unknown":` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `}`,
}

// allotmentTexts are JSON texts of allotments, for numbers and dates.
func allotmentTexts() (texts []string) {
	for _, number := range []string{`0`, `-0`, `5`, `-5`, `2147483647`, `2147483648`, `-2147483648`, `-2147483649`, `1e2`, `1.0`, `1.5`, `"5"`, `true`, `null`, `99999999999999999999999999999999999999`, strings.Repeat("9", 50), `[]`, `{}`} {
		texts = append(texts, fmt.Sprintf(`{"id":"a","allottedUnits":%s,"consumedUnits":1}`, number))
	}
	for _, day := range []string{`"2025-07-18"`, `"2025-07-18T00:00:00Z"`, `"2025-07-18 "`, `""`, `5`, `null`} {
		texts = append(texts, fmt.Sprintf(`{"id":"a","subscriptions":[{"subscriptionId":"s","startDate":%s,"state":"active"}]}`, day))
	}
	return append(texts, `{"id":"a","services":[{"planId":"P","planName":"N","assignableTo":"user"},{"planId":5},null]}`,
		`{"id":"a","assignableTo":null,"services":[{"assignableTo":null,"planId":null}]}`)
}

// TestAgainstEncodingJSON tests that the result is the same as with
// encoding/json.
func TestAgainstEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range userTexts {
		compare(t, users, []byte(text))
	}
	for _, text := range allotmentTexts() {
		compare(t, allotments, []byte(text))
	}
}

// FuzzAgainstEncodingJSON tests that the result is the same as with
// encoding/json.
func FuzzAgainstEncodingJSON(f *testing.F) {
	for _, text := range append(userTexts[:len(userTexts)-2], allotmentTexts()...) {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		compare(t, users, body)
		compare(t, allotments, body)
		compare(t, groups, body)
	})
}

// compare reads a text with both decoders.
func compare[T any](t *testing.T, of Type[T], body []byte) {
	t.Helper()
	d := New(string(body))
	got, err := of.Read(d)
	if end := d.End(); end != nil {
		err = end
	}
	if errors.Is(err, ErrSyntax) != (len(bytes.Trim(body, " \t\r\n")) > 0 && !json.Valid(body)) {
		t.Errorf("%.200s: %v", body, err)
	}
	want, wrong := reference[T](body, 0)
	if (err == nil) != (wrong == nil) || errors.Is(err, ErrNull) != errors.Is(wrong, ErrNull) {
		t.Errorf("%.200s: %v, encoding/json: %v", body, err, wrong)
		return
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })); diff != "" {
		t.Errorf("%.200s (-encoding/json +got):\n%s", body, diff)
	}
}

// TestProperties tests the list of the properties in a response, and whether
// all except the ID are null.
func TestProperties(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"id":"a"}`:                                              "map[id:true] true",
		`{"id":"a","displayName":null}`:                           "map[displayName:true id:true] true",
		`{"id":"a","displayName":"x"}`:                            "map[displayName:true id:true] false",
		`{"id":"a","unknown":1}`:                                  "map[id:true] false",
		`{"id":"a","unknown":null,"@odata.type":"t"}`:             "map[id:true] true",
		`{"value":{"id":"a","mail":"x"}}`:                         "map[id:true mail:true] false",
		`{"id":"a","displayName":5,"businessPhones":[]}`:          "map[businessPhones:true displayName:true id:true] false",
		`{"id":"a","displayName@odata.nextLink":"x","mail":null}`: "map[id:true mail:true] true",
	} {
		p, err := users.ReadPartial(New(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := fmt.Sprint(p.Properties, p.IDOnly); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestReadOneOf reads an object by its type, at any position among the
// members.
func TestReadOneOf(t *testing.T) {
	t.Parallel()
	typeOf := func(text string) Object {
		switch text {
		case "user":
			return users
		case "group":
			return groups
		}
		return others
	}
	for text, want := range map[string]string{
		`{"@odata.type":"user","id":"a","mail":"m"}`:                      "*licensing.User user map[id:true mail:true]",
		`{"id":"a","@odata.type":"user","mail":"m"}`:                      "*licensing.User user map[id:true mail:true]",
		`{"id":"a","mail":"m","@odata.type":"user"}`:                      "*licensing.User user map[id:true mail:true]",
		`{"id":"a","mail":"m"}`:                                           "*licensing.Group  map[id:true mail:true]",
		`{"@odata.type":5,"id":"a"}`:                                      "*licensing.Group  map[id:true]",
		`{"id":"a","@odata.type":"group"}`:                                "*licensing.Group group map[id:true]",
		`{"id":"a","@odata.type":"robot"}`:                                "*licensing.OtherDirectoryObject robot map[id:true]",
		` { "value" : { "id" : "a" , "@odata.type" : "user" } , "x":1 }`:  "*licensing.User user map[id:true]",
		`{"@odata.type":"user","value":{"@odata.type":"group","id":"a"}}`: "*licensing.Group group map[id:true]",
		`{"":"id","id":"a","@odata.type":"user"}`:                         "*licensing.User user map[id:true]",
		`{"@odata.type":"user"}`:                                          "missing id",
		`{"id":5,"@odata.type":"user"}`:                                   "missing id",
		`null`:                                                            "unexpected null",
		`[]`:                                                              "not an object",
	} {
		d := New(text)
		p, name, err := ReadOneOf(d, "@odata.type", "group", typeOf)
		got := fmt.Sprintf("%T %s %v", p.Object, name, p.Properties)
		if err != nil {
			got = err.Error()
		}
		if got != want || d.End() != nil {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestTooManyValues tests the limit of values in a response.
func TestTooManyValues(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"id":"a","businessPhones":[` + strings.Repeat(`"",`, maxValues) + `""]}`,
		`{"id":"a","assignedLicenses":[` + strings.Repeat(`{},`, maxValues) + `{}]}`,
		`{"value":` + `{"id":"a","assignedLicenses":[` + strings.Repeat(`{},`, maxValues) + `{}]}}`,
	} {
		if _, err := users.Read(New(text)); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%.30s: %v", text, err)
		}
	}
}

// TestEnvelopes tests the limit of envelopes around an object, each of which is
// read again.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	text := `{"id":"a","@odata.type":"user"}`
	for n := range 3 * maxEnvelopes {
		_, err := users.Read(New(text))
		_, _, errOfOne := ReadOneOf(New(text), "@odata.type", "group", func(string) Object { return users })
		if fails := n > maxEnvelopes; (err != nil) != fails || (errOfOne != nil) != fails {
			t.Errorf("%d envelopes: %v, %v", n, err, errOfOne)
		}
		text = `{"value":` + text + `}`
	}
}

// TestEnd rejects text after the value.
func TestEnd(t *testing.T) {
	t.Parallel()
	d := New(`{"id":"a"} {}`)
	if _, err := users.Read(d); err != nil {
		t.Fatal(err)
	}
	if err := d.End(); !errors.Is(err, ErrSyntax) || !strings.Contains(err.Error(), "text after the value") {
		t.Error(err)
	}
}

// BenchmarkPage compares the decoder with encoding/json.
func BenchmarkPage(b *testing.B) {
	const user = `{"id":"05e9a617-0261-4cee-bb44-138d3ef5d965","displayName":"Ada Lovelace","userPrincipalName":"ada@licensegraph.example","licenseAssignmentStates":[` +
		`{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","assignedByGroup":"05e9a617-0261-4cee-bb44-138d3ef5d966","disabledPlans":["05e9a617-0261-4cee-bb44-138d3ef5d967"],"state":"Active","error":"None","lastUpdatedDateTime":"2026-09-25T08:00:00Z"},` +
		`{"skuId":"05e9a617-0261-4cee-bb44-138d3ef5d965","assignedByGroup":null,"disabledPlans":[],"state":"Error","error":"CountViolation","lastUpdatedDateTime":"2026-09-25T08:00:00Z"}]}`
	body := []byte(`[` + strings.Repeat(user+",", 999) + user + `]`)
	b.Run("decode", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			d := New(string(body))
			n := 0
			d.Elements(func() {
				if _, err := users.Read(d); err == nil {
					n++
				}
			})
			if n != 1000 || d.End() != nil {
				b.Fatal(n, d.Err())
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.SetBytes(int64(len(body)))
		b.ReportAllocs()
		for b.Loop() {
			var list []*licensing.User
			if err := json.Unmarshal(body, &list); err != nil || len(list) != 1000 {
				b.Fatal(err)
			}
		}
	})
}

// reference reads an object with encoding/json, property by property.
func reference[T any](body []byte, envelopes int) (*T, error) {
	if envelopes > maxEnvelopes {
		return nil, errors.New("too many envelopes")
	}
	if trimmed := bytes.Trim(body, " \t\r\n"); len(trimmed) == 0 || string(trimmed) == "null" {
		return nil, ErrNull
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, err
	}
	if value := members["value"]; members["id"] == nil && (bytes.HasPrefix(value, []byte("{")) || string(value) == "null") {
		return reference[T](value, envelopes+1)
	}
	object := new(T)
	if err := referenceObject(body, reflect.ValueOf(object).Elem()); err != nil {
		return nil, err
	}
	if any(object).(licensing.Node).ObjectID() == "" {
		return nil, errors.New("missing id")
	}
	if ids, ok := any(object).(interface{ FoldIDs() }); ok {
		ids.FoldIDs()
	}
	return object, nil
}

func referenceObject(raw json.RawMessage, object reflect.Value) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil || members == nil {
		return errors.New("not an object")
	}
	unread := upstream.Unread{}
	for field, value := range object.Fields() {
		name := field.Tag.Get("json")
		member, came := members[name]
		isNull := string(member) == "null"
		if name == "-" || !came || referenceValue(member, value) && (!isNull || name != "assignableTo") {
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

func referenceValue(raw json.RawMessage, value reflect.Value) bool {
	isNull := string(raw) == "null"
	switch t := value.Type(); {
	case t.Kind() == reflect.Pointer && !isNull:
		of := reflect.New(t.Elem())
		ok := referenceValue(raw, of.Elem())
		if ok {
			value.Set(of)
		}
		return ok
	case t.Kind() == reflect.Slice:
		var elements []json.RawMessage
		if json.Unmarshal(raw, &elements) != nil {
			return false
		}
		if elements == nil {
			return true
		}
		ok := true
		items := reflect.MakeSlice(t, 0, len(elements))
		for _, element := range elements {
			item := reflect.New(t.Elem()).Elem()
			if string(element) == "null" || !referenceValue(element, item) {
				ok = false
				continue
			}
			items = reflect.Append(items, item)
		}
		value.Set(items)
		return ok
	case t.Kind() == reflect.Struct && reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ ReadError(string) error }]()):
		return referenceObject(raw, value) == nil
	case t.Kind() == reflect.Int32:
		if n, ok := new(big.Int).SetString(string(raw), 10); ok && len(raw) <= maxDigits {
			value.SetInt(max(math.MinInt32, min(math.MaxInt32, clamp(n))))
			return true
		}
	}
	if json.Unmarshal(raw, value.Addr().Interface()) != nil {
		value.SetZero()
		return false
	}
	return true
}

// clamp limits a number to 64 bits.
func clamp(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	default:
		return math.MaxInt64
	}
}
