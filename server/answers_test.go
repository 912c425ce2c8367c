package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestAnswersAreBounded tests that a response larger than the limit is replaced by one error, except for the outcome of
// a mutation.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	const bound = 20_000
	letters := strings.Repeat("x", 100)
	p := start(t, nil, "--embedded-users=300", "--max-answer-bytes=20000", "--upstream-report=never")
	for name, tt := range map[string]struct{ query, want string }{
		"short":            {"{users(first:10){nodes{id displayName}}}", `{"data":{"users":{"nodes":[{"id":"`},
		"texts":            {"{users(first:300){nodes{id displayName mail userPrincipalName}}}", longAnswer},
		"aliases":          {"{users(first:10){nodes{assignedLicenses{" + repeated(40, "a%d"+letters+":skuId ") + "}}}}", longAnswer},
		"lists of scalars": {"{groups(first:50){nodes{" + repeated(50, "a%d"+letters+":groupTypes ") + "}}}", longAnswer},
		"__typename":       {"{users(first:10){nodes{" + repeated(40, "a%d"+letters+":__typename ") + "}}}", longAnswer},
		"of a fragment":    {"{users(first:10){nodes{...f}}} fragment f on User{" + repeated(40, "a%d"+letters+":__typename ") + "}", longAnswer},
		"of an interface":  {"{assignmentErrors(first:10){nodes{assignedTo{...on User{" + repeated(40, "a%d"+letters+":__typename ") + "}}}}}", longAnswer},
		"errors":           {`{` + repeated(20, `a%d`+letters+`:nodes(ids:["x","y","z","11111111-1111-4111-8111-111111111111"]){id __typename}`) + `}`, longAnswer},
		"introspection":    {"{__schema{types{name description fields{name description}}}}", longAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, body := p.ask(t, tt.query)
			if !strings.Contains(body, tt.want) || len(body) > bound+1_000 {
				t.Errorf("%d bytes %.300s", len(body), body)
			}
			if tt.want == longAnswer && (strings.Count(body, `"message"`) != 1 || !strings.Contains(body, `"data":null`)) {
				t.Errorf("more than the one error: %.600s", body)
			}
		})
	}
}

const longAnswer = `"errors":[{"message":"The response is larger than 20000 bytes. Request smaller pages or fewer fields.","extensions":{"code":"BAD_USER_INPUT","limit":"answer","retryable":false}}]`

// TestAnswersTogether tests the total limit of large responses.
func TestAnswersTogether(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--max-answers-bytes=4194304", "--embedded-users=300")
	r := p.as(t, "{users(first:300){nodes{"+repeated(50, "a%d:displayName ")+" assignedPlans{servicePlanId service}}}}") // more than available
	if r.status != 503 || r.header.Get("Retry-After") != "1" || !strings.Contains(r.body, `"code":"RATE_LIMITED","limit":"answers"`) {
		t.Errorf("%d %v %.300s", r.status, r.header, r.body)
	}
	if r := p.as(t, "{users(first:10){nodes{displayName}}}"); r.status != 200 || strings.Contains(r.body, `"errors"`) {
		t.Errorf("a short answer: %d %.300s", r.status, r.body)
	}
}

// TestUnreadAnswers has a client that does not read its response. The response counts until the client disconnects:
// there is no memory for another large response, but for a small one.
func TestUnreadAnswers(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--max-answers-bytes=67108864", "--embedded-users=300")
	long := "{users(first:45){nodes{assignedPlans{" + repeated(50, "a%d"+strings.Repeat("x", 120)+":servicePlanId ") + "}}}}"
	body := mustMarshal(map[string]any{"query": long})
	host := strings.TrimPrefix(p.url, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, head); err != nil || !strings.HasSuffix(string(head), "200") {
		t.Fatalf("%v %s", err, head)
	}
	if r := p.as(t, long); r.status != 503 || !strings.Contains(r.body, `"limit":"answers"`) {
		t.Errorf("another long answer: %d, %d bytes", r.status, len(r.body))
	}
	if r := p.as(t, "{users(first:10){nodes{displayName}}}"); r.status != 200 || strings.Contains(r.body, `"errors"`) {
		t.Errorf("a short answer: %d %.300s", r.status, r.body)
	}
	_ = conn.Close()
	for { // released asynchronously
		if r := p.as(t, long); r.status == 200 {
			if len(r.body) < 16<<20 {
				t.Errorf("%d bytes can be in the kernel's buffers", len(r.body))
			}
			return
		}
	}
}

// TestBoundedAnswersTellOutcomes has mutations with large payloads. Each outcome is reported, and the size of the
// response is at most the limit plus the outcomes.
func TestBoundedAnswersTellOutcomes(t *testing.T) {
	t.Parallel()
	const (
		bound  = 2_000
		people = 4
		told   = 400 // size of an outcome with a long alias
	)
	tenant := emulatortest.Start(t, emulator.Options{})
	p := startOver(t, tenant, "--max-answer-bytes=2000", "--allow-writes", "--inbound=none")
	var found struct {
		Data struct {
			Users struct{ Nodes []struct{ ID string } }
		}
	}
	_, body := p.ask(t, `{users(first:4,filter:{skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965"}){nodes{id}}}`)
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Data.Users.Nodes) != people {
		t.Fatal(body, err)
	}
	letters := strings.Repeat("x", 100)
	var ids []string
	changes, change := "", `%s:assignLicense(input:{assignedTo:{type:USER,id:"%s"},addLicenses:[{skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965",disabledPlans:["SWAY"]}]}){
		outcome userErrors{code message} assignedTo{...on User{displayName assignedPlans{...plans}}} last%s:outcome}`
	for i, node := range found.Data.Users.Nodes {
		ids = append(ids, `"`+node.ID+`"`)
		changes += fmt.Sprintf(change, fmt.Sprintf("change%d", i), node.ID, letters)
	}
	_, body = p.ask(t, `mutation{`+changes+` again:reprocessLicenseAssignment(input:{userIds:[`+strings.Join(ids, ",")+`]}){results{userId outcome stillToTell:outcome user{...plans2} userErrors{code}} userErrors{code}}}
		fragment plans on AssignedPlan{`+repeated(8, "a%d"+letters+":servicePlanId ")+`} fragment plans2 on User{assignedPlans{b`+letters+`:servicePlanId}}`)
	var got struct {
		Data   map[string]json.RawMessage
		Errors []struct {
			Message string
			Path    []any
		}
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if len(body) > bound+told*2*people {
		t.Errorf("%d bytes", len(body))
	}
	for i := range people {
		var change map[string]any
		if err := json.Unmarshal(got.Data[fmt.Sprintf("change%d", i)], &change); err != nil {
			t.Fatal(err)
		}
		if change["outcome"] != "DONE" || change["last"+letters] != "DONE" || change["assignedTo"] != nil || change["userErrors"] == nil || len(change) != 4 {
			t.Errorf("got %v", change)
		}
	}
	var again struct{ Results []map[string]any }
	if err := json.Unmarshal(got.Data["again"], &again); err != nil || len(again.Results) != people {
		t.Fatal(string(got.Data["again"]), err)
	}
	for i, result := range again.Results {
		if result["outcome"] != "DONE" || result["stillToTell"] != "DONE" || `"`+result["userId"].(string)+`"` != ids[i] || result["user"] != nil || len(result) != 5 {
			t.Errorf("got %v", result)
		}
	}
	if len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, "larger than 2000 bytes") || got.Errors[0].Path != nil {
		t.Errorf("errors: %v", got.Errors)
	}
}

// TestBoundedAnswersTellErrors tests that the error of a rejected change is reported in a response that exceeds the
// limit.
func TestBoundedAnswersTellErrors(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{})
	p := startOver(t, tenant, "--max-answer-bytes=400", "--allow-writes", "--inbound=none")
	tenant.Inject(emulator.Fault{Endpoint: "POST /users/{id}/reprocessLicenseAssignment", Status: 403, Times: -1})
	const nobody = "11111111-2222-4333-8444-555555555555"
	long := strings.Repeat("x", 120)
	_, body := p.ask(t, `mutation{reprocessAssignments(input:{userIds:["`+nobody+`"]}){results{userId outcome user{a`+long+`:id b`+long+`:displayName c`+long+`:mail} userErrors{field code message}}}
		deleteAssignment(input:{id:"`+strings.Repeat("a", 52)+`"}){outcome userErrors{code message} deletedAssignmentId allotment{d`+long+`:id}}
		reprocessLicenseAssignment(input:{userIds:["`+nobody+`"]}){results{outcome user{id}}}}`)
	for _, want := range []string{`"outcome":"NOT_DONE"`, `"code":"NOT_FOUND"`, `"userId":"` + nobody + `"`, `"deleteAssignment":{"outcome":null`,
		`"path":["reprocessLicenseAssignment","results",0],"extensions":{"code":"FORBIDDEN"`} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %s: %s", want, body)
		}
	}
	if len(body) > 400+5*400 {
		t.Errorf("%d bytes", len(body))
	}
}
