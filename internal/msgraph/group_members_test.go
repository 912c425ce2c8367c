package msgraph

import (
	"errors"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// TestDeletesOnlyReferences tests that no ID makes a DELETE of anything but an assignment or the reference to a member:
// without $ref, Microsoft Graph deletes the member itself.
func TestDeletesOnlyReferences(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	o := s.client(t).Begin()
	odd := []string{"", "u1", ".", "..", "$ref", guid1 + "/", guid1 + "?", guid1 + "#", guid1 + "/members/" + guid2 + "?x=", guid1 + "%2f", "../users/" + guid1,
		guid1 + "\n", " " + guid1, "{" + guid1 + "}"}
	var writes []licensing.Write
	for _, id := range odd {
		writes = append(writes, licensing.RemoveGroupMember{GroupID: guid1, MemberID: id}, licensing.RemoveGroupMember{GroupID: id, MemberID: guid2},
			licensing.DeleteAssignment{ID: id})
	}
	o.Write(t.Context(), append(writes, licensing.RemoveGroupMember{GroupID: guid1, MemberID: guid2}))
	references := 0
	for _, c := range s.calls() {
		switch {
		case c.method != http.MethodDelete:
			t.Errorf("%s was sent", c)
		case strings.HasPrefix(c.path, assignmentsPath+"/"):
		case c.path == "/groups/"+guid1+"/members/"+guid2+"/$ref" && c.query == "":
			references++
		default:
			t.Errorf("%s was sent", c)
		}
	}
	if references != 1 {
		t.Errorf("%d references were deleted", references)
	}
	for _, url := range []string{"/groups/" + guid1 + "/members/" + guid2, "/users/" + guid1, "/groups/" + guid1, "/groups/" + guid1 + "/members/$ref", assignmentsPath, assignmentsPath + "/"} {
		if deletable.MatchString(url) {
			t.Errorf("%s may be deleted", url)
		}
	}
}

// TestMembersInParallel tests that changes of one group's members share batches, and wait for other changes of the group.
func TestMembersInParallel(t *testing.T) {
	t.Parallel()
	for name, writes := range map[string][]licensing.Write{
		"add":    {licensing.AddGroupMember{GroupID: strings.ToUpper(guid1), MemberID: guid1}, licensing.AddGroupMember{GroupID: guid1, MemberID: guid2}},
		"remove": {licensing.RemoveGroupMember{GroupID: guid1, MemberID: guid1}, licensing.RemoveGroupMember{GroupID: guid1, MemberID: guid2}},
	} {
		s := newService(t, func(call) reply { return done })
		c := s.client(t)
		release, err := c.groups.acquire(t.Context(), []string{guid1})
		if err != nil {
			t.Fatal(err)
		}
		o, finished := c.Begin(), make(chan []licensing.WriteResult, 1)
		go func() { finished <- o.Write(t.Context(), writes) }()
		waits := func() bool {
			c.groups.mu.Lock()
			defer c.groups.mu.Unlock()
			return c.groups.keys[guid1].uses == 2
		}
		for !waits() && len(finished) == 0 {
			runtime.Gosched()
		}
		if n := len(s.calls()); n > 0 {
			t.Errorf("%s: %d requests during another change of the group", name, n)
		}
		release()
		for _, r := range <-finished {
			if r.Outcome != licensing.WriteDone {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if got := o.Report().Endpoints[batchEndpoint].Requests; got != 1 {
			t.Errorf("%s: %d batches", name, got)
		}
	}
}

// TestOptionalWrites tests how it is established that a tenant does not provide a request.
func TestOptionalWrites(t *testing.T) {
	t.Parallel()
	fails := func(status int) reply { return reply{status: status, body: `{"error":{"code":"x","message":""}}`} }
	for name, tt := range map[string]struct {
		replies []reply
		kinds   []error // of the errors; nil without one
		sent    int
	}{
		"405":              {[]reply{fails(405)}, []error{upstream.ErrNotOffered, upstream.ErrNotOffered}, 1},
		"501":              {[]reply{fails(501)}, []error{upstream.ErrNotOffered, upstream.ErrNotOffered}, 1},
		"404s":             {[]reply{fails(404), fails(404), fails(404)}, []error{upstream.ErrNotOffered, upstream.ErrNotOffered, upstream.ErrNotOffered, upstream.ErrNotOffered, upstream.ErrNotOffered}, 3},
		"404 of an object": {[]reply{done, fails(404), done}, []error{nil, upstream.ErrNotFound, nil}, 3},
		"404 of a proxy":   {[]reply{{status: 404, body: "<html>"}, done}, []error{upstream.ErrUnavailable, nil}, 2},
		"501 of a proxy":   {[]reply{{status: 501, body: "<html>"}, done}, []error{upstream.ErrUnavailable, nil}, 2},
		"403":              {[]reply{fails(403), done}, []error{upstream.ErrForbidden, nil}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, write := range []licensing.Write{licensing.ReprocessGroup{GroupID: "g1"}, licensing.ReprocessAssignments{UserID: "u1", Known: true}} {
				n := 0
				s := newService(t, func(call) reply { n++; return tt.replies[n-1] })
				c := s.client(t)
				for i, kind := range tt.kinds {
					result := c.Begin().Write(t.Context(), []licensing.Write{write})[0]
					if kind == nil && result.Outcome != licensing.WriteDone || kind != nil && (!errors.Is(failureOf(t, result).Kind, kind)) {
						t.Errorf("%d: %+v, want %v", i, result, kind)
					}
					if unknown := kind == upstream.ErrUnavailable; kind != nil && unknown != (result.Outcome == licensing.WriteUnknown) { //nolint:errorlint // a kind
						t.Errorf("%d: outcome %s of %v", i, result.Outcome, kind)
					}
				}
				if got := len(s.calls()); got != tt.sent {
					t.Errorf("%d requests, want %d", got, tt.sent)
				}
			}
		})
	}
}
