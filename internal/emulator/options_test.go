package emulator

import (
	"cmp"
	"net/url"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/contract"
)

// TestOptionsOfEndpoints tests each endpoint with each query option. Those of
// the reference pages are in the contract. An option without a supported
// property is rejected with a specific error.
func TestOptionsOfEndpoints(t *testing.T) {
	t.Parallel()
	c := queuing(t, Variants{DevicesListed: true, MyAssignments: true, RightAllotments: true, ExpandErrors: "both", Throttling: Throttling{Off: true}})
	samples := newSamples(c)
	application := c.token
	tested := 0
	for _, endpoint := range contract.Endpoints() {
		if endpoint.Method != "GET" {
			continue
		}
		tested++
		uri, caller := samples.of(endpoint)
		if endpoint.Application == nil { // only for users
			caller = samples.user
		}
		if caller != "" {
			c.token = c.DelegatedToken(caller, access.DefaultScopes...)
		}
		property := "id"
		if strings.HasSuffix(endpoint.Path, "/reportSettings") {
			property = "displayConcealedNames" // its only one
		}
		for option, values := range map[string][]string{
			"select": {property}, "top": {"1"}, "filter": {"skuId eq " + skuID(skuE3)}, "count": {"true"}, "orderby": {"id"}, "search": {"x"}, "skip": {"1"},
			"apply":  {"groupby((skuId),aggregate(consumedUnits with sum as total))"},
			"expand": append(endpoint.Relations(), "memberOf")[:max(1, len(endpoint.Relations()))],
		} {
			for _, value := range values {
				checkOption(t, c, endpoint, uri, option, value, samples.user)
			}
		}
		c.token = application
	}
	if tested < 70 {
		t.Errorf("%d endpoints: the test covers nothing", tested)
	}
}

func checkOption(t *testing.T, c *client, endpoint contract.Endpoint, uri, option, value, user string) {
	t.Helper()
	documented, supported := endpoint.Option(option)
	mark := "?"
	if strings.Contains(uri, "?") {
		mark = "&"
	}
	query := mark + "$" + option + "=" + url.QueryEscape(value)
	status, code := 400, "invalidQuery"
	if strings.Contains(uri, "/cloudLicensing/") {
		if documented { // only $filter
			code = "invalidFilter"
		}
	} else {
		code = "Request_UnsupportedQuery"
		switch option {
		case "orderby":
			query = mark + "$orderby=displayName"
			if strings.Contains(uri, "/auditLogs/") {
				query = mark + "$orderby=activityDateTime"
			}
		case "search":
			query = mark + "$search=" + url.QueryEscape(`"displayName:a"`)
		case "filter":
			query = mark + "$filter=" + url.QueryEscape("id eq '"+user+"'")
		case "expand":
			if documented {
				status, code = 501, "notImplemented"
			}
		}
		cast := strings.HasSuffix(uri, "/microsoft.graph.group") && option != "count"
		if count, _ := endpoint.Option("count"); cast || count && (option == "search" || option == "filter" || option == "orderby") {
			query += "&$count=true"
		}
	}
	r := c.get(uri+query, eventual...)
	if got := r.status == 200 || r.status == 204; got != supported || !supported && (r.status != status || r.code() != code) {
		t.Errorf("%s%s: %d %s", uri, query, r.status, r.raw)
	}
}

// samples has URIs of the endpoints in a tenant.
type samples struct {
	*client
	user, waiting, failing, group, pool string // IDs
	device, waitingDevice               string
}

func newSamples(c *client) *samples {
	s := &samples{client: c, pool: c.pool(skuCopilot, 0), device: c.deviceID(0), waitingDevice: c.waitingDevice()}
	assignee := func(object row) string { return str(object["assignedTo"].(row), "id") }
	s.waiting = assignee(items(c.ok(pools + "/" + s.pool + "/waitingMembers?$expand=assignedTo"))[0])
	s.failing = assignee(items(c.ok("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo"))[0])
	for _, a := range c.all(granted + "?$expand=assignedTo") {
		switch id := assignee(a); str(a["assignedTo"].(row), "@odata.type") {
		case "#microsoft.graph.user":
			if s.user == "" && len(items(c.ok("/beta/users/"+id+"/cloudLicensing/usageRights"))) > 0 {
				s.user = id
			}
		case "#microsoft.graph.group":
			s.group = cmp.Or(s.group, id)
		}
	}
	return s
}

// of returns a URI of the endpoint, and the user who calls it if it is under
// /me. An {id} is that of an object for which the endpoint has an answer, or
// of the first one in its list.
func (s *samples) of(endpoint contract.Endpoint) (uri, caller string) {
	user, device := s.user, s.device
	switch {
	case strings.Contains(endpoint.Path, "/waitingMembers"):
		user, device = s.waiting, s.waitingDevice
	case strings.Contains(endpoint.Path, "/assignmentErrors"):
		user = s.failing
	}
	path, me := strings.CutPrefix(endpoint.Path, "/me")
	if me {
		path, caller = "/users/"+user+path, user
	}
	uri = "/beta"
	if endpoint.V1() {
		uri = "/v1.0"
	}
	version := uri
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "{id}" {
			switch strings.TrimPrefix(uri, version) {
			case "/users":
				segment = user
			case "/groups":
				segment = s.group
			case "/devices":
				segment = device
			case "/admin/cloudLicensing/allotments":
				segment = s.pool
			default:
				segment = str(items(s.ok(uri))[0], "id")
			}
		} else if name, _, keyed := strings.Cut(segment, "("); keyed && strings.HasPrefix(name, "get") { // a report
			uri = strings.Replace(uri, "v1.0", "beta", 1)
			segment = strings.NewReplacer("period='{id}'", "period='D7'", "version='{id}'", "version='v1'", "{id}", s.Now().AddDate(0, 0, -5).UTC().Format(time.DateOnly)).Replace(segment) + "?$format=application/json"
		} else if keyed && name == "subscriptions" {
			segment = strings.Replace(segment, "{id}", str(items(s.ok("/v1.0/directory/subscriptions"))[0], "commerceSubscriptionId"), 1)
		}
		uri += "/" + segment
	}
	if me {
		uri = version + "/me" + strings.TrimPrefix(uri, version+"/users/"+user)
	}
	return uri, caller
}
