package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"licensegraph/internal/emulator/wire"
)

func base64url(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) }

// inProcess calls a small emulator without a network. It panics on an invalid
// answer.
func inProcess() (*Emulator, func(method, uri, body string) (int, []byte)) {
	e, wrong := checked(Options{Users: 20})
	token, _ := e.entra.ApplicationToken(nil)
	return e, func(method, uri, body string) (int, []byte) {
		u, err := url.ParseRequestURI(uri)
		if err != nil {
			return http.StatusBadRequest, []byte("{}") // net/http would reject it.
		}
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, &http.Request{
			Method: method, URL: u, Host: "graph", Body: http.NoBody,
			Header: http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}},
		})
		if body != "" {
			w = &recorder{header: http.Header{}}
			req, _ := http.NewRequest(method, "http://graph"+uri, strings.NewReader(body))
			req.Header = http.Header{"Authorization": {"Bearer " + token}, "Content-Type": {"application/json"}}
			e.ServeHTTP(w, req)
		}
		if list := wrong.Take(); list != nil {
			panic("invalid answer of the tenant: " + strings.Join(list, "; "))
		}
		return w.status, w.body.Bytes()
	}
}

// FuzzURL tests that the answer to any URL is JSON or a page and not an
// internal error; also for its part after the version as an advanced query in
// a batch, where nothing is encoded.
func FuzzURL(f *testing.F) {
	for _, s := range []string{
		"beta/users?$top=5&$select=id", "v1.0/users/x%40y?$expand=manager", "beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo($select=id)",
		"v1.0/groups?$orderby=userPrincipalName", "beta/users?top=5&$top=6", "v1.0/users/$count", "beta/groups/x/members/$count?$search=%22a:b%22",
		"v1.0/groups?$expand=members($levels=max)", "beta/admin/cloudLicensing/allotments?$apply=groupby((skuId),aggregate(consumedUnits%20with%20sum%20as%20t))",
		"beta/admin/cloudLicensing/allotments?$expand=waitingMembers($select=id;$top=5),assignments($expand=a($expand=b))", "beta/users?$filter=" + strings.Repeat("(", 99),
		"beta/users?$filter=assignedPlans/any(p:p/service%20eq%20'x')", "beta/users?$skiptoken=AAAA", "v1.0/groups?$orderby=displayName%20desc", "beta/users?$filter=id%20eq%20'x'&$count=true",
		"v1.0/users/$count?$filter=createdDateTime ge 2024-01-01T00:00:00Z and not (assignedPlans/any(p:p/service eq 'exchange'))",
		"beta/users?$count=true&$search=\"displayName:a\" AND (\"mail:b\" OR \"displayName:c d\")&$filter=city ge 'a'&$orderby=displayName desc",
		"v1.0/users?$count=true&$filter=proxyAddresses/any(p:endswith(p,'.example')) or assignedLicenses/$count ne 0", "beta/users?count=true&filter=mail eq null&top=1",
		"v1.0/groups?$count=true&$filter=groupTypes/any(c:c eq 'Unified') and description ne null", "v1.0/users/delta?$filter=id eq 'a' or id eq 'b'",
		"beta/admin/cloudLicensing/assignments?$expand=assignedTo,allotment($select=id;$filter=skuId in (05e9a617-0261-4cee-bb44-138d3ef5d965))",
		"beta/admin/cloudLicensing/assignmentErrors?$expand=a(b,c(d", "beta//", "?", "x/oauth2/v2.0/token", "v1.0/users?;", "beta/users?$top=%zz", "beta/users?$orderby=%20",
	} {
		f.Add(s)
	}
	e, ask := inProcess()
	e.SetVariants(Variants{Throttling: Throttling{Off: true}})
	f.Fuzz(func(t *testing.T, uri string) {
		status, body := ask("GET", "/"+uri, "")
		if status < 200 || status >= 500 && status != 501 {
			t.Errorf("%q: %d", uri, status)
		}
		if isPage := strings.HasPrefix(string(body), "<!DOCTYPE html>"); len(body) > 0 && !isPage && !json.Valid(body) {
			t.Errorf("%q: %.300q is not JSON", uri, body)
		}
		version, part, ok := strings.Cut(uri, "/")
		if !ok || version != "beta" && version != "v1.0" {
			return
		}
		status, body = ask("POST", "/"+version+"/$batch", string(wire.Encode(row{"requests": []row{
			{"id": "1", "method": "GET", "url": part, "headers": row{"ConsistencyLevel": "eventual"}},
		}})))
		var batch struct{ Responses []struct{ Status int } }
		if status >= 500 || json.Unmarshal(body, &batch) != nil || status == 200 && (len(batch.Responses) != 1 || batch.Responses[0].Status >= 500 && batch.Responses[0].Status != 501) {
			t.Errorf("%q in a batch: %d %.300s", part, status, body)
		}
	})
}
