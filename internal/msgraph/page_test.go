package msgraph

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// TestEnvelope reads entities with and without an envelope.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`{"id":"a"}`:           "a",
		`{"value":{"id":"a"}}`: "a",
		`{"@odata.context":"c", "value" : {"displayName":"b","id":"a"} }`: "a",
		`{"id":"a","value":{"id":"b"}}`:                                   "a",
		`{"value":{"id":"b"},"id":"a"}`:                                   "a",
		`{"value":{"value":{"id":"a"}}}`:                                  "a",
		`{"value":null}`:                                                  "null",
		`{"@odata.context":"c","value":null}`:                             "null",
		`null`:                                                            "null",
		``:                                                                "null",
		`{"value":[{"id":"a"}]}`:                                          "",
		`{"value":"text"}`:                                                "",
		`[]`:                                                              "",
		`{`:                                                               "",
	} {
		user, err := userType.Read(decode.New(raw))
		switch {
		case errors.Is(err, decode.ErrNull):
			if want != "null" {
				t.Errorf("%s is null", raw)
			}
		case err != nil:
			if want != "" {
				t.Errorf("%s: %v", raw, err)
			}
		case user.ID != want:
			t.Errorf("%s is %+v", raw, user)
		}
	}
}

func TestDecodePage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		ids  []string
		next string
		ok   bool
	}{
		{`{"value":[]}`, []string{}, "", true},
		{`{"value":[],"@odata.nextLink":"n"}`, []string{}, "n", true},
		{`{"@odata.context":"c","value":[{"id":"a"},{"id":"b"}]}`, []string{"a", "b"}, "", true},
		{`{"value":[{"id":"a"},{"id":5},{"id":null},{"id":""},{},5,"b",[]]}`, []string{"a"}, "", true},
		{`{"value":[{"id":"a"},null]}`, []string{"a"}, "", true},
		{`{"value":{"id":"a"}}`, nil, "", false},
		{`{"value":null}`, nil, "", false},
		{`{"@odata.nextLink":"n"}`, nil, "", false},
		{`{"value":[],"@odata.nextLink":5}`, nil, "", false},
		{`{}`, nil, "", false},
		{`[]`, nil, "", false},
		{``, nil, "", false},
		{`{"value":[{"id":"a"}`, nil, "", false},
	} {
		d := decode.New(tt.body)
		page, err := readPage(d, userType.Read)
		if end := d.End(); end != nil {
			err = end
		}
		users, next := page.Items, page.Next
		var ids []string
		if users != nil {
			ids = []string{}
		}
		for _, user := range users {
			ids = append(ids, user.ID)
		}
		if diff := cmp.Diff(tt.ids, ids); diff != "" || next != tt.next || (err == nil) != tt.ok {
			t.Errorf("%s: next %q, %v\n%s", tt.body, next, err, diff)
		}
	}
}

func TestReference(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind, raw string
		want      licensing.DirectoryObject
	}{
		{"", `{"@odata.type":"#microsoft.graph.user","id":"a"}`, &licensing.User{ID: "a"}},
		{"", `{"@odata.type":"#microsoft.graph.agentUser","id":"a"}`, &licensing.User{ID: "a"}},
		{"", `{"@odata.type":"microsoft.graph.user","id":"a"}`, &licensing.User{ID: "a"}},
		{"", `{"@odata.type":"#microsoft.graph.group","id":"a"}`, &licensing.Group{ID: "a"}},
		{"", `{"@odata.type":"#microsoft.graph.robot","id":"a"}`, &licensing.OtherDirectoryObject{ID: "a", ODataType: "#microsoft.graph.robot"}},
		{"", `{"id":"a"}`, &licensing.OtherDirectoryObject{ID: "a"}},
		{"user", `{"id":"a"}`, &licensing.User{ID: "a"}},
		{"user", `{"value":{"id":"a"}}`, &licensing.User{ID: "a"}},
		{"user", `{"@odata.type":"#microsoft.graph.group","id":"a"}`, &licensing.Group{ID: "a"}},
	} {
		ref, err := reference(tt.kind)(decode.New(tt.raw))
		if err != nil {
			t.Fatalf("%s: %v", tt.raw, err)
		}
		if diff := cmp.Diff(tt.want, ref.Object); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.raw, diff)
		}
		if !ref.Properties["id"] || ref.Properties["displayName"] {
			t.Errorf("%s shows %v", tt.raw, ref.Properties)
		}
	}
	for _, raw := range []string{``, `[]`, `"text"`, `null`, `{"value":null}`, `{"@odata.type":5}`, `{"id":5}`} {
		if ref, err := reference("user")(decode.New(raw)); err == nil {
			t.Errorf("%s is %v", raw, ref.Object)
		}
	}
}

// TestRelations distinguishes a null relation from one that is not expanded.
func TestRelations(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		raw                         string
		hasAssignee, hasRight       bool
		assignee, right, unreadable bool
	}{
		{raw: `{"id":"e"}`},
		{raw: `{"id":"e","assignedTo":null,"usageRight":null}`, hasAssignee: true, hasRight: true},
		{raw: `{"id":"e","assignedTo":{"id":"u"}}`, hasAssignee: true, assignee: true},
		{raw: `{"id":"e","usageRight":{"id":"r"}}`, hasRight: true, right: true},
		{raw: `{"id":"e","assignedTo":"u","usageRight":{"id":"r"}}`, hasRight: true, right: true}, // read separately
		{raw: `{"id":"e","usageRight":[]}`},
		{raw: `{"id":"e","usageRight":{"skuPartNumber":"X"}}`},
		{raw: `{"id":5}`, unreadable: true},
	} {
		e, err := assignmentErrorType.Read(decode.New(tt.raw))
		if (err != nil) != tt.unreadable {
			t.Fatalf("%s: %v", tt.raw, err)
		}
		if err != nil {
			continue
		}
		if r := e.Related; r.HasAssignedTo != tt.hasAssignee || r.HasUsageRight != tt.hasRight || (r.AssignedTo != nil) != tt.assignee || (r.UsageRight != nil) != tt.right {
			t.Errorf("%s: %+v", tt.raw, r)
		}
	}
}

// TestSamples decodes the samples of the reference and encodes them again: a property that is not decoded, such as by a
// wrong tag, is missing.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		read func(*decode.Decoder) (any, error)
	}{
		{"assignment-errors.list.json", pageOf(assignmentErrorType)},
		{"assignment-errors.usageright.json", oneOf(usageRightType)},
		{"usage-rights.get-user.json", oneOf(usageRightType)},
		{"usage-rights.list-user.json", pageOf(usageRightType)},
		{"usage-rights.list-device.json", pageOf(usageRightType)},
		{"usage-rights.list-group-filter-plan.json", pageOf(usageRightType)},
		{"allotments.get.json", oneOf(allotmentType)},
		{"allotments.list.json", pageOf(allotmentType)},
		{"assignments-read.allotment.json", oneOf(allotmentType)},
		{"assignments-read.list.json", pageOf(assignmentType)},
		{"waiting-members.list-of-allotment.json", pageOf(waitingMemberType)},
		{"directory-licensing.subscribedskus-list.json", pageOf(subscribedSkuType)},
		{"directory-licensing.user-licenseassignmentstates.json", oneOf(userType)},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			body := sample(t, tt.file)
			got, err := tt.read(decode.New(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Value json.RawMessage `json:"value"` // a list, or an envelope
			}
			if json.Unmarshal(body, &sent) == nil && sent.Value != nil {
				body = sent.Value
			}
			var printed, read any
			if err := errors.Join(json.Unmarshal(body, &printed), json.Unmarshal(again, &read)); err != nil {
				t.Fatal(err)
			}
			unread(t, "", printed, read)
		})
	}
}

// oneOf reads an entity.
func oneOf[T any](of decode.Type[T]) func(*decode.Decoder) (any, error) {
	return func(d *decode.Decoder) (any, error) { return of.Read(d) }
}

// pageOf reads the entities of a page.
func pageOf[T any](of decode.Type[T]) func(*decode.Decoder) (any, error) {
	return func(d *decode.Decoder) (any, error) {
		page, err := readPage(d, of.Read)
		return page.Items, err
	}
}

// TestRelationSamples decodes the samples of expanded relations.
func TestRelationSamples(t *testing.T) {
	t.Parallel()
	assignments, err := readPage(decode.New(string(sample(t, "assignments-read.list-expand-assignedto-allotment.json"))), assignmentType.Read)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := showRelated(assignments.Items[0].Related), "allotment fde42873-30b6-436b-b361-21af5a6b84aetrue, assignedTo *licensing.User a6c034b8-621b-dee3-6abb-52cbce801fe9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	one, err := assignmentType.Read(decode.New(string(sample(t, "assignments-read.get-expand-assignedto.json"))))
	if err != nil || one.Related.HasAllotment || !one.Related.HasAssignedTo {
		t.Errorf("%+v, %v", one, err)
	}
	waiting, err := waitingMemberType.Read(decode.New(string(sample(t, "waiting-members.get-of-user-expand-assignedto.json"))))
	if err != nil || waiting.WaitingSinceDateTime.IsZero() || waiting.Related.HasAllotment || !waiting.Related.AssignedTo.Properties["displayName"] {
		t.Errorf("%+v, %v", waiting, err)
	}
	right, err := usageRightType.Read(decode.New(string(sample(t, "usage-rights.get-user-expand-allotments.json"))))
	if err != nil || right.Related.HasAssignments || len(right.Related.Allotments) == 0 || !right.Related.Allotments[0].Properties["subscriptions"] {
		t.Errorf("%+v, %v", right, err)
	}
}

// TestDates parses dates as in the metadata and as in samples.
func TestDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]licensing.Date{
		`"2025-07-18"`: "2025-07-18", `"2025-07-18T00:00:00.000Z"`: "2025-07-18", `"2025-07-18T00:00:00.0000000+00:00"`: "2025-07-18",
		`"2025-07-18T00:00:00Z"`: "2025-07-18", `"18.7.2025"`: "", `"2025-07-18 "`: "", `"2025-13-01"`: "", `""`: "", `5`: "",
	} {
		a, err := allotmentType.Read(decode.New(`{"id":"a","subscriptions":[{"startDate":` + text + `,"nextLifecycleDate":null}]}`))
		if want == "" {
			if err != nil || a.Subscriptions[0].StartDate != nil || a.Subscriptions[0].ReadError("startDate") == nil {
				t.Errorf("%s: %+v, %v", text, a, err)
			}
			continue
		}
		if err != nil || *a.Subscriptions[0].StartDate != want || a.Subscriptions[0].NextLifecycleDate != nil {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
}

// unread returns the properties of the sample that were not decoded.
func unread(t *testing.T, path string, printed, read any) {
	t.Helper()
	if strings.Contains(path, "@odata.") {
		return // an annotation
	}
	switch p := printed.(type) {
	case map[string]any:
		r, _ := read.(map[string]any)
		for name, value := range p {
			if _, ok := r[name]; !ok && !strings.Contains(name, "@odata.") {
				t.Errorf("%s.%s not decoded", path, name)
				continue
			}
			unread(t, path+"."+name, value, r[name])
		}
	case []any:
		r, _ := read.([]any)
		for i := range p {
			unread(t, path, p[i], r[i])
		}
	case nil:
	default:
		if read == nil {
			t.Errorf("%s decoded as nothing", path)
		}
	}
}

// FuzzDecode decodes arbitrary bytes as each type. A decoded list has as many elements as the JSON.
func FuzzDecode(f *testing.F) {
	for _, body := range []string{
		``, `null`, `{}`, `[]`, `{"value":[]}`, `{"value":null}`, `{"value":{"id":"a"}}`, `{"value":[null,{"id":"a","assignedTo":null}],"@odata.nextLink":"n"}`,
		`{"id":"e","assignedTo":{"@odata.type":"#microsoft.graph.user","id":"u"},"usageRight":{"id":"r","services":[{"planId":"A"}]}}`,
		`{"id":"e","occurrenceDateTime":"2026-09-25T08:00:00.0000000+00:00"}`,
		`{"id":"a","allotment":{"id":"p","subscriptions":[{"startDate":"2025-07-18"}]},"assignedTo":null}`,
		`{"id":"r","assignments":[{"id":"a"}],"allotments":[null],"assignments@odata.nextLink":"n"}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d := decode.New(string(body))
		p, err := readPage(d, assignmentErrorType.Read)
		if err == nil && d.End() == nil && !json.Valid(body) {
			t.Error("invalid JSON decoded")
		}
		if errs := p.Items; err == nil && (len(errs) != len(p.IDs) || slices.Contains(p.IDs, "")) {
			t.Errorf("%d elements, %d IDs", len(errs), len(p.IDs))
		}
		if e, err := assignmentErrorType.Read(decode.New(string(body))); err == nil && e.ID == "" {
			t.Error("neither an error nor a reason")
		}
		if ref, err := reference("user")(decode.New(string(body))); err == nil && ref.Object.ObjectID() == "" {
			t.Error("a reference to nothing")
		}
		if right, err := usageRightType.Read(decode.New(string(body))); err == nil && right.Related.HasAllotments && slices.Contains(right.Related.Allotments, nil) {
			t.Error("an allotment is nil")
		}
		if a, err := assignmentType.Read(decode.New(string(body))); err == nil && (a.ID == "" || a.Related.Allotment != nil && !a.Related.HasAllotment) {
			t.Errorf("%+v", a)
		}
		if ref, err := assigneeWhoWaits(decode.New(string(body))); err == nil && ref != nil && ref.Object == nil {
			t.Error("an assignee is nil")
		}
	})
}

// TestPartWithTwoIDs gives the response to the request with the first ID: that request decoded it.
func TestPartWithTwoIDs(t *testing.T) {
	t.Parallel()
	requests := []*request{{endpoint: userEndpoint}, {endpoint: userEndpoint}}
	decoded := make([]string, len(requests))
	for i, r := range requests {
		r.decode = func(d *decode.Decoder) error {
			user, err := userType.Read(d)
			if err == nil {
				decoded[i] = user.ID
			}
			return err
		}
	}
	d := decode.New(`[{"id":"0","status":200,"body":{"id":"a"},"id":"1","headers":{"request-id":"r","Cookie":"c"}}]`)
	d.Elements(func() {
		a, i := readPart(d, requests)
		if i != 0 || !a.decoded || len(a.header) != 1 || a.header.Get("request-id") != "r" {
			t.Errorf("request %d: %+v", i, a)
		}
	})
	if decoded[0] != "a" || decoded[1] != "" {
		t.Error(decoded)
	}
}

// TestLearnedPageSize tests that one short page, which the service may send at any time, does not change the page size.
func TestLearnedPageSize(t *testing.T) {
	t.Parallel()
	rows := []int{130, 130, 250, 250, 250, 130}
	s := newService(t, func(call) reply {
		n := rows[0]
		rows = rows[1:]
		items := strings.Repeat(`{"id":"a"},`, n)
		return ok(`{"value":[` + strings.TrimSuffix(items, ",") + `],"@odata.nextLink":"https://graph.invalid/beta/x"}`)
	})
	client := s.client(t)
	for i, want := range []int{1000, 1000, 1000, 1000, 250, 250} {
		o := client.Begin()
		b := o.newBatch()
		ListAssignmentErrors.Add(b, []upstream.Query{{Top: 1000}}, upstream.Selection{Properties: []string{"id"}}, func(upstream.Query, upstream.Page[*licensing.AssignmentError], error) {})
		b.Do(t.Context())
		if got := o.LargestPage(assignmentErrorsEndpoint); got != want {
			t.Errorf("page %d: largest page %d, want %d", i+1, got, want)
		}
	}
}

// TestPanicInAPart tests that a panic while a part of a batch is decoded fails the reads of that batch.
func TestPanicInAPart(t *testing.T) {
	t.Parallel()
	client := newService(t, func(call) reply { return ok(`{"id":"a"}`) }).client(t)
	b := client.Begin().newBatch()
	var failures []error
	for _, id := range []string{"a", "b"} {
		r := user(id, []string{"id"}, func(_ *licensing.User, err error) { failures = append(failures, err) })
		r.decode = func(*decode.Decoder) error { panic("a secret") }
		b.add(r)
	}
	b.Do(t.Context())
	for _, err := range failures {
		if caught, ok := errors.AsType[*upstream.PanicError](err); !ok || strings.Contains(err.Error(), "secret") || !strings.Contains(caught.At, "TestPanicInAPart") {
			t.Error(err)
		}
	}
	if len(failures) != 2 {
		t.Errorf("%d results", len(failures))
	}
}
