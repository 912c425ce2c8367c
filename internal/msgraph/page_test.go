package msgraph

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

func TestUnwrapped(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ raw, want string }{
		{`{"id":"a"}`, `{"id":"a"}`},
		{`{"value":{"id":"a"}}`, `{"id":"a"}`},
		{`{"@odata.context":"c","value":{"id":"a"}}`, `{"id":"a"}`},
		{`{"id":"a","value":{"id":"b"}}`, `{"id":"a","value":{"id":"b"}}`},
		{`{"value":null}`, `null`},
		{`{"@odata.context":"c","value":null}`, `null`},
		{`{"value":[{"id":"a"}]}`, `{"value":[{"id":"a"}]}`},
		{`{"value":"text"}`, `{"value":"text"}`},
		{`[]`, `[]`},
		{`null`, `null`},
		{``, ``},
		{`{`, `{`},
	} {
		if got := string(unwrapped(json.RawMessage(tt.raw))); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.raw, got, tt.want)
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
		page, err := decodePage(usersEndpoint, []byte(tt.body), decode[licensing.User])
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
		if err != nil && !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("%s: %v", tt.body, err)
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
		ref, err := reference(tt.kind)(json.RawMessage(tt.raw))
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
		if ref, err := reference("user")(json.RawMessage(raw)); err == nil {
			t.Errorf("%s is %v", raw, ref.Object)
		}
	}
}

// TestRelations tells a relation that is null from one that did not come.
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
		{raw: `{"id":"e","assignedTo":"u","usageRight":{"id":"r"}}`, hasRight: true, right: true}, // to be read by itself
		{raw: `{"id":"e","usageRight":[]}`},
		{raw: `{"id":"e","usageRight":{"skuPartNumber":"X"}}`},
		{raw: `{"id":5}`, unreadable: true},
	} {
		e, err := assignmentError(json.RawMessage(tt.raw))
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

// TestSamples decodes what the reference pages print and writes it again: a property that was not read, as
// by a wrong tag, is missing then.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		into any
	}{
		{"assignment-errors.list.json", &[]licensing.AssignmentError{}},
		{"assignment-errors.usageright.json", &licensing.UsageRight{}},
		{"usage-rights.get-user.json", &licensing.UsageRight{}},
		{"usage-rights.list-user.json", &[]licensing.UsageRight{}},
		{"usage-rights.list-device.json", &[]licensing.UsageRight{}},
		{"usage-rights.list-group-filter-plan.json", &[]licensing.UsageRight{}},
		{"allotments.get.json", &licensing.Allotment{}},
		{"allotments.list.json", &[]licensing.Allotment{}},
		{"assignments-read.allotment.json", &licensing.Allotment{}},
		{"assignments-read.list.json", &[]licensing.Assignment{}},
		{"waiting-members.list-of-allotment.json", &[]licensing.WaitingMember{}},
		{"directory-licensing.subscribedskus-list.json", &[]licensing.SubscribedSku{}},
		{"directory-licensing.user-licenseassignmentstates.json", &licensing.User{}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			body := sample(t, tt.file)
			if reflect.TypeOf(tt.into).Elem().Kind() == reflect.Slice {
				var page list
				if err := json.Unmarshal(body, &page); err != nil || len(page.Value) == 0 {
					t.Fatalf("%v: %s", err, body)
				}
				body, _ = json.Marshal(page.Value)
			} else {
				body = unwrapped(body)
			}
			if err := json.Unmarshal(body, tt.into); err != nil {
				t.Fatal(err)
			}
			again, err := json.Marshal(tt.into)
			if err != nil {
				t.Fatal(err)
			}
			var printed, read any
			if err := errors.Join(json.Unmarshal(body, &printed), json.Unmarshal(again, &read)); err != nil {
				t.Fatal(err)
			}
			unread(t, "", printed, read)
		})
	}
}

// TestRelationSamples decodes what the reference pages print of relations that came along.
func TestRelationSamples(t *testing.T) {
	t.Parallel()
	assignments, err := decodePage(assignmentsEndpoint, sample(t, "assignments-read.list-expand-assignedto-allotment.json"), assignment)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := showRelated(assignments.Items[0].Related), "allotment fde42873-30b6-436b-b361-21af5a6b84aetrue, assignedTo *licensing.User a6c034b8-621b-dee3-6abb-52cbce801fe9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	one, err := assignment(sample(t, "assignments-read.get-expand-assignedto.json"))
	if err != nil || one.Related.HasAllotment || !one.Related.HasAssignedTo {
		t.Errorf("%+v, %v", one, err)
	}
	waiting, err := waitingMember(sample(t, "waiting-members.get-of-user-expand-assignedto.json"))
	if err != nil || waiting.WaitingSinceDateTime.IsZero() || waiting.Related.HasAllotment || !waiting.Related.AssignedTo.Properties["displayName"] {
		t.Errorf("%+v, %v", waiting, err)
	}
	right, err := usageRight(sample(t, "usage-rights.get-user-expand-allotments.json"))
	if err != nil || right.Related.HasAssignments || len(right.Related.Allotments) == 0 || !right.Related.Allotments[0].Properties["subscriptions"] {
		t.Errorf("%+v, %v", right, err)
	}
}

// TestDates reads days as the metadata has them and as samples show them.
func TestDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]licensing.Date{
		`"2025-07-18"`: "2025-07-18", `"2025-07-18T00:00:00.000Z"`: "2025-07-18", `"2025-07-18T00:00:00.0000000+00:00"`: "2025-07-18",
		`"2025-07-18T00:00:00Z"`: "2025-07-18", `"18.7.2025"`: "", `"2025-07-18 "`: "", `"2025-13-01"`: "", `""`: "", `5`: "",
	} {
		a, err := decode[licensing.Allotment](json.RawMessage(`{"id":"a","subscriptions":[{"startDate":` + text + `,"nextLifecycleDate":null}]}`))
		if want == "" {
			if err != nil || a.Subscriptions[0].StartDate != nil || a.Subscriptions[0].WhyUnread("startDate") == nil {
				t.Errorf("%s: %+v, %v", text, a, err)
			}
			continue
		}
		if err != nil || *a.Subscriptions[0].StartDate != want || a.Subscriptions[0].NextLifecycleDate != nil {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
}

// unread reports the properties that were printed and not read.
func unread(t *testing.T, path string, printed, read any) {
	t.Helper()
	if strings.Contains(path, "@odata.") {
		return // no property
	}
	switch p := printed.(type) {
	case map[string]any:
		r, _ := read.(map[string]any)
		for name, value := range p {
			if _, ok := r[name]; !ok && !strings.Contains(name, "@odata.") {
				t.Errorf("%s.%s was not read", path, name)
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
			t.Errorf("%s was read as nothing", path)
		}
	}
}

// FuzzDecode reads any bytes as any kind of answer. What is read of a list is as long as the list.
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
		p, err := decodePage(assignmentErrorsEndpoint, body, assignmentError)
		errs, link := p.Items, p.Next
		var page list
		if err == nil && (json.Unmarshal(body, &page) != nil || len(page.Value) != len(errs)+p.LeftOut || link != nextLink(body)) {
			t.Errorf("%d elements of %d", len(errs), len(page.Value))
		}
		if e, err := assignmentError(unwrapped(body)); err == nil && e == nil {
			t.Error("neither an error nor a reason")
		}
		if ref, err := reference("user")(body); err == nil && ref.Object == nil {
			t.Error("a reference to nothing")
		}
		if right, err := usageRight(body); err == nil && (!json.Valid(body) || right == nil) {
			t.Error("what is not JSON was read")
		}
		if a, err := assignment(body); err == nil && (a.ID == "" || a.Related.Allotment != nil && !a.Related.HasAllotment) {
			t.Errorf("%+v", a)
		}
		if ref, err := assigneeWhoWaits(body); err == nil && ref != nil && ref.Object == nil {
			t.Error("nobody waits")
		}
	})
}
