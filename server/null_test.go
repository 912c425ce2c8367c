package main

import (
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestNullIsRefused sends null for non-null input in all ways. There is no upstream request, not even for mutations.
// Other input is coerced like in graphql-js: see e2e/coercion.test.js.
func TestNullIsRefused(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{})
	p := startOver(t, tenant, "--allow-writes", "--inbound=none")
	p.ask(t, `{user(id:"11111111-1111-4111-8111-111111111111"){id}}`) // gets the gateway's token
	tenant.ResetCounts()
	const id = "11111111-1111-4111-8111-111111111111"
	assign := func(variable, plans string) string {
		return `mutation(` + variable + `){assignLicense(input:{assignedTo:{id:"` + id + `"},addLicenses:[{skuId:"` + id + `",disabledPlans:` + plans + `}]}){outcome}}`
	}
	for name, tt := range map[string]struct{ query, variables, want string }{
		"plans":                {assign("$p:[String!]", "$p"), `{"p":null}`, "The variable $p is null, but assignLicense.input.addLicenses[0].disabledPlans is non-null."},
		"plans by default":     {assign("$p:[String!]=null", "$p"), `{}`, "$p is null"},
		"plans with a default": {assign(`$p:[String!]=["SWAY"]`, "$p"), `{"p":null}`, "$p is null"},
		"one plan":             {assign(`$p:String="SWAY"`, "[$p]"), `{"p":null}`, "addLicenses[0].disabledPlans[0] is non-null"},
		"one plan for a list":  {assign(`$p:String="SWAY"`, "$p"), `{"p":null}`, `of type \"String\" used in position expecting type \"[String!]!\"`},
		"within a variable":    {`mutation($i:AssignLicenseInput!){assignLicense(input:$i){outcome}}`, `{"i":{"assignedTo":{"id":"` + id + `"},"addLicenses":[{"skuId":"` + id + `","disabledPlans":null}]}}`, "$i.addLicenses[0].disabledPlans: cannot be null"},
		"the kind of assignee": {`mutation($t:AssigneeType){assignLicense(input:{assignedTo:{id:"` + id + `",type:$t}}){outcome}}`, `{"t":null}`, "assignLicense.input.assignedTo.type is non-null"},
		"an id":                {`query($i:ID="x"){node(id:$i){id}}`, `{"i":null}`, "node.id is non-null"},
		"an id of several":     {`query($i:ID="x"){nodes(ids:["` + id + `",$i]){id}}`, `{"i":null}`, "nodes.ids[1] is non-null"},
		"in a fragment":        {`query($i:UUID="` + id + `"){users{nodes{...f}}} fragment f on User{usageRights(skuIds:[$i]){id}}`, `{"i":null}`, "usageRights.skuIds[0] is non-null"},
		"a condition":          {`query($b:Boolean=true){users{nodes{id @skip(if:$b) displayName}}}`, `{"b":null}`, "@skip.if is non-null"},
		"a fraction":           {`query($n:Int){users(first:$n){nodes{id}}}`, `{"n":1.0}`, "$n: the value is not of type Int: use a 32-bit integer without a fraction or an exponent"},
		"no UUID":              {`mutation($u:[UUID!]!){assignLicense(input:{assignedTo:{id:"` + id + `"},addLicenses:[],removeLicenses:$u}){outcome}}`, `{"u":["` + id + `","zz"]}`, "The variable $u[1] has an invalid value for UUID: a UUID looks like 05e9a617-"},
		"a literal, no UUID":   {`{users(filter:{skuId:"zz"}){nodes{id}}}`, `{}`, "users.filter.skuId has an invalid value for UUID: a UUID looks like"},
		"a number, no UUID":    {`{user(id:"` + id + `"){usageRights(skuIds:5){id}}}`, `{}`, "usageRights.skuIds has an invalid value for UUID"},
		"a list, no UUID":      {`{users(filter:{skuId:["` + id + `"]}){nodes{id}}}`, `{}`, "UUID"},
		"no time":              {`query($f:AssignmentErrorFilter){assignmentErrors(filter:$f){nodes{id}}}`, `{"f":{"occurredBefore":"yesterday"}}`, "The variable $f.occurredBefore has an invalid value for DateTime: a DateTime looks like"},
		"no time by default":   {`query($t:DateTime="yesterday"){assignmentErrors(filter:{occurredBefore:$t}){nodes{id}}}`, `{}`, "$t has an invalid value for DateTime"},
		"33 bits":              {`{users(first:2147483648){nodes{id}}}`, `{}`, "users.first has an invalid value for Int"},
		"33 bits in a filter":  {`{allotments(filter:{minAvailableUnits:2147483648}){nodes{id}}}`, `{}`, "minAvailableUnits has an invalid value for Int"},

		"a filter":                       {`{users(filter:{assignedByGroup:null}){nodes{id}}}`, `{}`, "users.filter.assignedByGroup is null: omit it for no condition."},
		"a filter by a variable":         {`query($g:ID){users(filter:{assignedByGroup:$g}){nodes{id}}}`, `{"g":null}`, "users.filter.assignedByGroup is null"},
		"a filter by a variable's null":  {`query($g:ID=null){users(filter:{assignedByGroup:$g}){nodes{id}}}`, `{}`, "users.filter.assignedByGroup is null"},
		"a filter in a variable":         {`query($f:UserFilter){users(filter:$f){nodes{id}}}`, `{"f":{"skuId":null}}`, "$f.skuId is null"},
		"a filter in a default":          {`query($f:UserFilter={skuId:null}){users(filter:$f){nodes{id}}}`, `{}`, "$f.skuId is null"},
		"a filter of groups":             {`{groups(filter:{skuId:null}){nodes{id}}}`, `{}`, "groups.filter.skuId is null"},
		"a filter of errors":             {`{assignmentErrors(filter:{code:null}){nodes{id}}}`, `{}`, "assignmentErrors.filter.code is null"},
		"a filter of errors of products": {`{subscribedSkus{nodes{assignmentErrors(filter:{code:null}){nodes{id}}}}}`, `{}`, "filter"},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.do(t, post(t, p.url+endpointPath, []byte(`{"query":`+string(mustMarshal(tt.query))+`,"variables":`+tt.variables+`}`)))
			if !strings.Contains(r.body, tt.want) || !strings.Contains(r.body, `"code":"BAD_USER_INPUT"`) || strings.Contains(r.body, `"data"`) {
				t.Errorf("got %.500s, want %s", r.body, tt.want)
			}
		})
	}
	if got := tenant.Counts(); len(got) > 0 {
		t.Errorf("upstream requests: %v", got)
	}
	for name, query := range map[string]string{
		"no filter":               `{users(first:1,filter:null){nodes{id}}}`,
		"a filter that is absent": `query($g:ID){users(first:1,filter:{assignedByGroup:$g}){nodes{id}}}`,
		"an order":                `{users(first:1,orderBy:null){nodes{id}}}`,
	} {
		if _, body := p.ask(t, query); strings.Contains(body, `"errors"`) {
			t.Errorf("%s: %s", name, body)
		}
	}
}
