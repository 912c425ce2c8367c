package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// TestAnswersAreBounded asks for answers that are longer than one may be. Each is ended with one error, and what a
// mutation did is told all the same.
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

const longAnswer = `"errors":[{"message":"The answer is longer than 20000 bytes. Ask for smaller pages, or for fewer fields.","extensions":{"code":"BAD_USER_INPUT","limit":"answer","retryable":false}}]`

// TestAnswersTogether has one answer leave no room for another.
func TestAnswersTogether(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--max-answers-bytes=1", "--embedded-users=300")
	r := p.as(t, "{users(first:300){nodes{"+repeated(50, "a%d:displayName ")+" assignedPlans{servicePlanId service}}}}") // more than is free
	if r.status != 503 || r.header.Get("Retry-After") != "1" || !strings.Contains(r.body, `"code":"RATE_LIMITED","limit":"answers"`) {
		t.Errorf("%d %v %.300s", r.status, r.header, r.body)
	}
	if r := p.as(t, "{users(first:10){nodes{displayName}}}"); r.status != 200 || strings.Contains(r.body, `"errors"`) {
		t.Errorf("a short answer: %d %.300s", r.status, r.body)
	}
}

// TestBoundedAnswersTellOutcomes has a mutation whose payload is too long.
func TestBoundedAnswersTellOutcomes(t *testing.T) {
	t.Parallel()
	tenant := emulator.Start(t, emulator.Options{})
	p := startOver(t, tenant, "--max-answer-bytes=2000", "--allow-writes", "--inbound=none")
	var people struct {
		Data struct {
			Users struct{ Nodes []struct{ ID string } }
		}
	}
	_, body := p.ask(t, `{users(first:1,filter:{skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965"}){nodes{id}}}`)
	if err := json.Unmarshal([]byte(body), &people); err != nil || len(people.Data.Users.Nodes) != 1 {
		t.Fatal(body, err)
	}
	_, body = p.ask(t, `mutation{assignLicense(input:{assignedTo:{type:USER,id:"`+people.Data.Users.Nodes[0].ID+`"},addLicenses:[{skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965",disabledPlans:["SWAY"]}]}){
		outcome userErrors{code} assignedTo{...on User{assignedPlans{`+repeated(49, "a%d:servicePlanId ")+`}}} last:outcome}}`)
	var got struct {
		Data struct {
			AssignLicense struct {
				Outcome, Last string
				AssignedTo    struct{ AssignedPlans []map[string]*string }
			}
		}
		Errors []struct{ Message string }
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	change := got.Data.AssignLicense
	cut := slices.ContainsFunc(change.AssignedTo.AssignedPlans, func(plan map[string]*string) bool { return plan["a0"] == nil })
	if change.Outcome != "DONE" || change.Last != "DONE" || !cut || len(got.Errors) != 1 || !strings.Contains(got.Errors[0].Message, "longer than 2000 bytes") {
		t.Errorf("got %.800s", body)
	}
}
