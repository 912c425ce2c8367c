//go:build slow

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport/transporttest"
)

// canaries are texts that must not appear in any output, by type.
type canaries map[string][]string

func (c canaries) add(kind string, values ...string) {
	for _, value := range values {
		if len(value) >= 6 && !slices.Contains(c[kind], value) {
			c[kind] = append(c[kind], value)
		}
	}
}

// token adds the secret parts of a token: its claims and its signature.
func (c canaries) token(kind, token string) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) == 3 {
		parts = parts[1:]
	}
	for _, part := range parts {
		c.add(kind, part[:min(len(part), 60)])
	}
}

// forms returns the encodings of a text.
func forms(value string) []string {
	list := []string{value, url.QueryEscape(value), url.PathEscape(value), strings.Trim(string(mustMarshal(value)), `"`), strings.Trim(fmt.Sprintf("%+q", value), `"`)}
	if len(value) >= 12 { // with any offset: it can be inside another text
		for i := range 3 {
			encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat(" ", i) + value))
			list = append(list, encoded[[]int{0, 2, 3}[i]:len(encoded)-2])
		}
	}
	return list
}

// in returns the types of the canaries in a text, and the matches.
func (c canaries) in(text string, but ...string) map[string]string {
	found := map[string]string{}
	for kind, values := range c {
		for _, value := range values {
			if slices.ContainsFunc(forms(value), func(form string) bool { return strings.Contains(text, form) }) && !slices.Contains(but, kind) {
				found[kind] = value
			}
		}
	}
	return found
}

// none fails the test if a text has a canary.
func (c canaries) none(t *testing.T, where, text string, but ...string) {
	t.Helper()
	for kind, value := range c.in(text, but...) {
		at := strings.Index(text, value)
		t.Errorf("%s: %s is shown: …%.300q…", where, kind, text[max(0, at-150):])
	}
}

// listener is a proxy that records traffic.
type listener struct {
	url string
	out *http.Transport

	mu      sync.Mutex
	urls    []string
	traffic strings.Builder // requests with headers and bodies, responses with bodies
	tokens  []string        // for Microsoft Graph, from the token endpoint
	links   []string        // next links
	secrets []string        // credentials of applications
}

// refreshCanary is the refresh token in each token response.
const refreshCanary = "1.canary-refresh-5d1f0a"

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{out: &http.Transport{}}
	server := httptest.NewServer(l)
	t.Cleanup(func() { server.Close(); l.out.CloseIdleConnections() })
	l.url = server.URL
	return l
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sent, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req := r.Clone(r.Context())
	req.RequestURI, req.Body, req.ContentLength = "", io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	for _, name := range []string{"Proxy-Authorization", "Accept-Encoding"} { // it reads the responses
		req.Header.Del(name)
	}
	resp, err := l.out.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if strings.HasSuffix(r.URL.Path, "/token") && resp.StatusCode == http.StatusOK {
		body = bytes.Replace(body, []byte("{"), []byte(`{"refresh_token":"`+refreshCanary+`","id_token":"a.`+refreshCanary+`.b",`), 1)
	}
	l.note(r, sent, body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	header := w.Header()
	for name, values := range resp.Header {
		if name != "Content-Length" {
			header[name] = values
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

var nextLinks = regexp.MustCompile(`\$skiptoken=([^"&\\]+)`)

func (l *listener) note(r *http.Request, sent, answer []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.urls = append(l.urls, r.URL.RequestURI())
	fmt.Fprintf(&l.traffic, "%s %s\n%v\n%s\n%s\n", r.Method, r.URL, r.Header, sent, answer)
	for _, found := range nextLinks.FindAllSubmatch(answer, -1) {
		l.links = append(l.links, string(found[1]))
	}
	if strings.HasSuffix(r.URL.Path, "/token") {
		form, _ := url.ParseQuery(string(sent))
		l.secrets = append(l.secrets, form.Get("client_secret"), form.Get("client_assertion"))
		var got struct {
			Token string `json:"access_token"`
		}
		_ = json.Unmarshal(answer, &got)
		l.tokens = append(l.tokens, got.Token)
	}
}

// people returns the names and addresses of all users in a tenant.
func people(t *testing.T, tenant *emulator.Server) []string {
	t.Helper()
	var page struct {
		Value []struct{ DisplayName, UserPrincipalName, Mail, MobilePhone string }
	}
	if readGraph(t, tenant, "/beta/users?$top=999&$select=displayName,userPrincipalName,mail,mobilePhone", &page); len(page.Value) < 20 {
		t.Fatalf("%d people", len(page.Value))
	}
	var names []string
	for _, p := range page.Value {
		names = append(names, p.DisplayName, p.UserPrincipalName, p.Mail, p.MobilePhone)
	}
	return names
}

// issuer is an issuer of federated tokens for the application.
var issuer = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func federatedToken(t *testing.T) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: issuer(), KeyID: "k"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: "https://platform.example", Subject: "gateway", Audience: jwt.Audience{"api://AzureADTokenExchange"}, Expiry: jwt.NewNumericDate(farAway)}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

const (
	proxyCanary  = "canary-proxy-91c3"
	filterCanary = "Zcanary Filterperson"
	valueCanary  = "canary.variable@person.example"
	wordCanary   = "canary-told-by-graph Adele"
	keyCanary    = "Y2FuYXJ5LWtleS1jYW5hcnkta2V5LWNhbmFyeS1rZXk="
)

// TestCanaries runs the program with known secrets and users, causes all kinds of events, and searches all output for
// them: logs, errors, headers, URLs.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for name, outbound := range map[string]string{"secret": "app", "certificate": "on-behalf-of", "federated token": "app"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := mustMarshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: issuer().Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
			tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{
				Scopes: scopes, Federated: []emulator.Federated{{Issuer: "https://platform.example", Subject: "gateway", Keys: keys}}}})
			assignRoles(tenant.Emulator)
			proxy := newListener(t)
			audit := filepath.Join(t.TempDir(), "audit")
			c := canaries{}
			c.add("the proxy's password", proxyCanary)
			c.add("the cursor key", keyCanary)
			c.add("a refresh token", refreshCanary)
			c.add("people", people(t, tenant)...)
			c.add("a filter", filterCanary)
			c.add("a variable", valueCanary)
			c.add("what Microsoft Graph says", wordCanary)

			env := map[string]string{"LICENSEGRAPH_PROXY_CREDENTIALS": "operator:" + proxyCanary, "LICENSEGRAPH_CURSOR_KEY": keyCanary}
			args := []string{"--tenant-id=" + tenant.TenantID(), "--client-id=" + tenant.ClientID(), "--graph-url=" + tenant.URL, "--authority=" + tenant.URL,
				"--proxy=" + proxy.url, "--inbound=entra", "--outbound=" + outbound, "--allow-writes", "--audit-log=" + audit, "--log-level=debug",
				"--upstream-report=always", "--request-timeout=5s", "--trusted-documents-mode=log", "--trusted-documents=" + secretFile(t, `{"a":"query A{__typename}"}`)}
			switch name {
			case "secret":
				env["LICENSEGRAPH_CLIENT_SECRET"] = tenant.ClientSecret()
				c.add("the client secret", tenant.ClientSecret())
			case "certificate":
				certificate, key := tenant.Certificate()
				args = append(args, "--client-certificate-file="+secretFile(t, string(certificate)+string(key)), "--log-format=json")
				c.add("the certificate's key", strings.Split(string(key), "\n")[1:4]...)
			default:
				token := federatedToken(t)
				c.token("the federated token", token)
				args = append(args, "--federated-token-file="+secretFile(t, token))
			}
			p := launch(t, env, args...)
			e := &everything{tenant: tenant, p: p, c: c, data: &strings.Builder{}}
			e.happen(t)
			commandLine, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Error(err)
			}
			p.end(t)
			records, err := os.ReadFile(audit)
			if err != nil {
				t.Fatal(err)
			}

			proxy.mu.Lock()
			defer proxy.mu.Unlock()
			for kind, tokens := range map[string][]string{"a token of Microsoft Graph": proxy.tokens, "what the application signed in with": proxy.secrets, "a bearer token": e.tokens} {
				for _, token := range tokens {
					c.token(kind, token)
				}
			}
			c.add("a next link", proxy.links...)

			// All canaries were in use: a canary that was never used proves nothing.
			signed := string(mustMarshal(proxy.secrets)) // by the key, as the tenant verified
			used := c.in(proxy.traffic.String() + e.data.String() + strings.Join(e.tokens, " "))
			for kind := range c {
				if used[kind] == "" && kind != "the cursor key" && (kind != "the certificate's key" || !strings.Contains(signed, "eyJ")) {
					t.Errorf("%s was never used", kind)
				}
			}
			if len(proxy.tokens) == 0 || !strings.Contains(proxy.traffic.String(), "Proxy-Authorization:[Basic "+base64.StdEncoding.EncodeToString([]byte("operator:"+proxyCanary))) {
				t.Error("no credentials at the proxy")
			}

			for _, emitted := range []struct{ where, text string }{
				{"standard output", p.stdout.String()}, {"standard error", p.stderr.String()}, {"the audit log", string(records)},
				{"the command line", string(commandLine)}, {"headers of answers", e.headers.String()}, {"answers without data", e.errors.String()},
			} {
				if silent := emitted.where == "standard output"; silent != (len(emitted.text) < 100) { // the audit log is a file here
					t.Errorf("%s has %d bytes", emitted.where, len(emitted.text))
				}
				c.none(t, emitted.where, emitted.text)
			}
			c.none(t, "data", e.data.String(), "people", "a filter", "a variable")
			for _, address := range proxy.urls {
				for kind, value := range c.in(address, "a next link") {
					if !personalAddress.MatchString(address) || kind != "people" && kind != "a filter" && kind != "a variable" {
						t.Errorf("%s has %s: %s", address, kind, value)
					}
				}
			}
			for _, want := range []string{"draining", "upstream request failed", "untrusted document", "configuration: "} {
				if !strings.Contains(p.stderr.String(), want) {
					t.Errorf("the log has no %q:\n%s", want, p.stderr)
				}
			}
			for _, want := range []string{`"msg":"mutation"`, `"msg":"denied"`, `"outcome":"done"`, `"object":"` + tenant.PersonInRole("License Administrator")} {
				if !strings.Contains(string(records), want) {
					t.Errorf("the audit log has no %s:\n%s", want, records)
				}
			}
		})
	}
}

// personalAddress are the URLs that look up users by name, which Microsoft Graph supports in URLs only: by user
// principal name and by prefix.
var personalAddress = regexp.MustCompile(`^/beta/users/[^/?]+\?\$select=|^/beta/users\?\$filter=startswith%28displayName%2C|^/beta/users\?.*\$filter=startswith\(displayName,`)

// everything sends requests to the program and collects the responses.
type everything struct {
	tenant *emulator.Server
	p      *program
	c      canaries

	data            *strings.Builder
	headers, errors strings.Builder
	tokens          []string // of callers
}

// send sends a request and sorts the response.
func (e *everything) send(t *testing.T, req *http.Request) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := e.p.client.Do(req.WithContext(ctx))
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	fmt.Fprintf(&e.headers, "%d %v\n", resp.StatusCode, resp.Header)
	e.sort(body)
	return string(body)
}

// sort separates the data of a response from the rest.
func (e *everything) sort(body []byte) {
	var answer map[string]json.RawMessage
	if json.Unmarshal(body, &answer) != nil {
		fmt.Fprintf(&e.errors, "%s\n", body)
		return
	}
	e.data.Write(answer["data"])
	delete(answer, "data")
	fmt.Fprintf(&e.errors, "%s\n", mustMarshal(answer))
}

// ask sends an operation as a user.
func (e *everything) ask(t *testing.T, token, query string, variables map[string]any) string {
	t.Helper()
	req := post(t, e.p.url+endpointPath, mustMarshal(map[string]any{"query": query, "variables": variables}))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return e.send(t, req)
}

// signIn gets a user's token.
func (e *everything) signIn(t *testing.T, role string) string {
	t.Helper()
	token := tokenFor(t, e.tenant, nameOf(t, e.tenant, role), scopes...)
	e.tokens = append(e.tokens, token)
	return token
}

const (
	somePeople = `query People($f:String,$a:String){users(first:5,after:$a,filter:{displayNameStartsWith:$f}){nodes{id displayName userPrincipalName mail usageRights{id}} pageInfo{endCursor}}}`
	allPeople  = `query People($a:String){users(first:5,after:$a){nodes{id displayName userPrincipalName mail} pageInfo{endCursor}}}`
	onePerson  = `query Person($u:String,$i:ID){user(userPrincipalName:$u,id:$i){displayName userPrincipalName}}`
)

// happen causes all kinds of events.
func (e *everything) happen(t *testing.T) {
	t.Helper()
	admin, reader, nobody := nameOf(t, e.tenant, "License Administrator"), nameOf(t, e.tenant, "Global Reader"), nameOf(t, e.tenant, "")
	said := emulator.Fault{Times: -1, Message: wordCanary, Inner: map[string]any{"message": wordCanary, "error_description": wordCanary, "claims": `{"x":"` + wordCanary + ``}}

	// The identity provider fails, for the gateway and for its callers.
	boss := e.signIn(t, "License Administrator")
	for _, status := range []int{400, 401, 429, 500, 503} {
		fault := said
		fault.Endpoint, fault.Status, fault.RetryAfter = "POST /oauth2/v2.0/token", status, "0"
		e.tenant.Inject(fault)
		e.ask(t, boss, onePerson, map[string]any{"u": admin})
		e.tenant.ClearFaults()
	}
	for _, fault := range []emulator.Fault{{Body: `{"access_token": "` + wordCanary}, {Body: wordCanary}, {Cut: true}, {Damage: "truncated"}} {
		fault.Endpoint, fault.Times = "POST /oauth2/v2.0/token", -1
		e.tenant.Inject(fault)
		e.ask(t, boss, onePerson, map[string]any{"u": admin})
		e.tenant.ClearFaults()
	}

	// Successful operations.
	watcher, stranger := e.signIn(t, "Global Reader"), e.signIn(t, "")
	first := e.ask(t, boss, allPeople, nil)
	var page struct {
		Data struct {
			Users struct {
				Nodes    []struct{ ID string }
				PageInfo struct{ EndCursor string }
			}
		}
	}
	if err := json.Unmarshal([]byte(first), &page); err != nil || len(page.Data.Users.Nodes) != 5 {
		t.Fatalf("%v %s", err, first)
	}
	if next := e.ask(t, boss, allPeople, map[string]any{"a": page.Data.Users.PageInfo.EndCursor}); strings.Contains(next, `"errors"`) {
		t.Error(next)
	}
	if got := e.ask(t, boss, somePeople, map[string]any{"f": filterCanary}); !strings.Contains(got, `"nodes":[]`) {
		t.Error(got)
	}
	get, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.p.url+endpointPath+"?"+url.Values{"query": {onePerson}, "variables": {string(mustMarshal(map[string]any{"u": reader}))}}.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	get.Header.Set("Authorization", "Bearer "+watcher)
	if got := e.send(t, get); !strings.Contains(got, `"displayName":"`) {
		t.Error(got)
	}
	e.ask(t, boss, `{me{displayName} licensingOverview{assignmentErrors{code}} assignmentErrors(first:5){nodes{id assignedTo{displayName}}}}`, nil)

	// Changes, valid and invalid.
	const assign = `mutation Assign($i:ID!){createAssignments(input:{skuId:"05e9a617-0261-4cee-bb44-138d3ef5d965",assignedTo:[{type:USER,id:$i}]}){results{outcome assignment{id assignedTo{displayName}}} userErrors{code message}}}`
	for _, id := range []string{page.Data.Users.Nodes[0].ID, nobody, valueCanary, "x"} {
		e.ask(t, boss, assign, map[string]any{"i": id})
		e.ask(t, watcher, assign, map[string]any{"i": id})
		e.ask(t, boss, `mutation($i:ID!){reprocessAssignments(input:{userIds:[$i]}){results{outcome user{displayName}} userErrors{message}} deleteAssignment(input:{id:$i}){outcome userErrors{message}}}`, map[string]any{"i": id})
	}

	// Forbidden and invalid operations.
	e.ask(t, stranger, somePeople, map[string]any{"f": filterCanary})
	for _, variables := range []map[string]any{
		{"u": valueCanary}, {"i": valueCanary}, {"u": []string{valueCanary}}, {"u": valueCanary, "i": valueCanary}, {"u": map[string]string{valueCanary: valueCanary}},
	} {
		e.ask(t, boss, onePerson, variables)
	}
	for _, variables := range []map[string]any{
		{"a": valueCanary}, {"f": 5, "a": valueCanary}, {"a": strings.Repeat(valueCanary, 300)}, {"f": strings.Repeat(valueCanary, 10)}, {valueCanary: valueCanary}, {"f": filterCanary, "a": page.Data.Users.PageInfo.EndCursor},
	} {
		e.ask(t, boss, somePeople, variables)
	}
	for _, query := range []string{
		`query($f:Int){users(first:$f){nodes{id}}}`, `query($f:UserOrderField!){users(orderBy:{field:$f}){nodes{id}}}`, `query($f:UUID){users(filter:{skuId:$f}){nodes{id}}}`,
		`query($f:[ID!]!){nodes(ids:$f){id}}`, `query($f:[_Any!]!){_entities(representations:$f){__typename}}`, `query($f:ID!){node(id:$f){id}}`, `query($f:ID){users(filter:{assignedByGroup:$f}){nodes{id}}}`,
	} {
		for _, value := range []any{valueCanary, []string{valueCanary}, map[string]string{"__typename": valueCanary}, []any{map[string]string{"__typename": "User", "id": valueCanary}}, []any{map[string]string{"__typename": "User", "userPrincipalName": nobody}}} {
			e.ask(t, boss, query, map[string]any{"f": value})
		}
	}
	for _, body := range []string{`{"query":"` + valueCanary, `["` + valueCanary + `"]`, valueCanary, `{"query":5,"variables":"` + valueCanary + `"}`, `{"query":"{__typename}","extensions":{"persistedQuery":"` + valueCanary + `"}}`} {
		req := post(t, e.p.url+endpointPath, []byte(body))
		req.Header.Set("Authorization", "Bearer "+boss)
		e.send(t, req)
	}

	// Rejected callers, and misplaced tokens.
	e.ask(t, boss[:len(boss)-6]+"AAAAAA", onePerson, nil)
	e.ask(t, graphToken(t, e.tenant), onePerson, nil)
	e.ask(t, "", onePerson, nil)
	for _, path := range []string{"/graphql?access_token=" + boss, "/graphql/" + boss, "/" + nobody, "/users/" + url.PathEscape(nobody) + "/../../graphql", "//" + boss, "/healthz/" + boss, "/readyz"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, e.p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Cookie", "token="+boss)
		req.Header.Set("User-Agent", nobody)
		req.Header.Set("Referer", "https://portal.example/?token="+boss)
		req.Header.Set(requestIDHeader, nobody)
		resp, err := (&http.Client{Transport: e.p.client.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode/100 != 3 { // a redirect returns to the client
			fmt.Fprintf(&e.errors, "%s\n", body)
		}
	}

	// The same with streams.
	for _, token := range []string{boss, boss[:len(boss)-6] + "AAAAAA", valueCanary} {
		c := transporttest.Dial(t, e.p.client, e.p.url+endpointPath)
		c.Send(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`)
		if token != boss {
			_, reason := c.Closed()
			fmt.Fprintf(&e.errors, "%s\n", reason)
			continue
		}
		c.Want(`{"type":"connection_ack"}`)
		for i, query := range []string{onePerson, somePeople, "{" + valueCanary} {
			c.Send(string(mustMarshal(map[string]any{"id": fmt.Sprint(i), "type": "subscribe", "payload": map[string]any{"query": query, "variables": map[string]any{"u": []string{reader, valueCanary}[i%2], "a": valueCanary}}})))
			_, text, err := c.Read(t.Context())
			var got struct{ Payload json.RawMessage }
			if err != nil || json.Unmarshal(text, &got) != nil {
				t.Errorf("%v %s", err, text)
			}
			e.sort(got.Payload)
			if bytes.Contains(text, []byte(`"next"`)) {
				c.Want(fmt.Sprintf(`{"id":"%d","type":"complete"}`, i))
			}
		}
		c.Send(valueCanary)
		_, reason := c.Closed()
		fmt.Fprintf(&e.errors, "%s\n", reason)
	}
	for _, token := range []string{boss, boss + "A", ""} { // without data
		req := post(t, e.p.url+endpointPath, mustMarshal(map[string]any{"query": onePerson, "variables": map[string]any{"u": valueCanary}}))
		req.Header.Set("Accept", mediaTypeEvents)
		req.Header.Set("Authorization", "Bearer "+token)
		e.send(t, req)
	}

	// Microsoft Graph fails in each way, with personal data in its errors.
	moved := map[string]string{"Location": "https://elsewhere.example/?who=" + url.QueryEscape(wordCanary)}
	faults := []emulator.Fault{
		{Status: 302, Header: moved}, {Body: wordCanary}, {Body: `{"value":[{"id":"x","displayName":{"` + wordCanary + `":5}}]}`}, {Body: `{"value":"` + wordCanary + `"}`},
		{Cut: true}, {Damage: "truncated"}, {Damage: "malformed"}, {Damage: "cut"}, {Delay: time.Hour},
		{Set: map[string]any{"createdDateTime": wordCanary, "assignedDateTime": wordCanary, "lastUpdatedDateTime": wordCanary, "occurrenceDateTime": wordCanary}},
		{Set: map[string]any{"displayName": map[string]string{wordCanary: wordCanary}}}, {Set: map[string]any{"@odata.nextLink": "https://elsewhere.example/" + wordCanary}}, {Set: map[string]any{"@odata.type": wordCanary}},
	}
	for _, status := range []int{400, 401, 403, 404, 409, 429, 500, 503, 504} {
		fault := said
		fault.Status, fault.RetryAfter = status, "0"
		faults = append(faults, fault)
	}
	for _, fault := range faults {
		fault.Times = -1
		e.tenant.Inject(fault)
		e.ask(t, boss, `query($u:String){user(userPrincipalName:$u){displayName assignedLicenses{skuId} licenseAssignmentStates{state lastUpdatedDateTime error}} users(first:5){nodes{displayName createdDateTime usageRights{id}}} assignmentErrors(first:3){nodes{occurrenceDateTime assignedTo{displayName}}}}`, map[string]any{"u": admin})
		e.ask(t, boss, assign, map[string]any{"i": page.Data.Users.Nodes[1].ID})
		e.tenant.ClearFaults()
	}
}

// TestCanariesOfPanics has handlers and resolvers panic with personal data.
func TestCanariesOfPanics(t *testing.T) {
	t.Parallel()
	for _, what := range []any{wordCanary, errors.New(wordCanary), fmt.Errorf("%w", errors.New(wordCanary)), struct{ Name string }{wordCanary}, []byte(wordCanary)} {
		var log bytes.Buffer
		resolver := testHandler(t, &log, func(context.Context) *graphql.Response { panic(what) })
		answer := transporttest.Send(t, resolver, "POST", "/graphql", helloBody, jsonBody).Body.String()
		handler := chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(what) }), withRequestID, recoverPanics(logs.New(&log, "debug", "json")))
		answer += transporttest.Send(t, handler, "GET", "/", "").Body.String()
		if strings.Count(log.String(), "panic in a ") != 2 || !strings.Contains(log.String(), "TestCanariesOfPanics") {
			t.Errorf("missing record:\n%s", &log)
		}
		canaries{"what it is about": {wordCanary}}.none(t, fmt.Sprintf("%T", what), log.String()+answer)
	}
}

// TestCanariesOfTheStart prints help and configuration errors while secrets are set.
func TestCanariesOfTheStart(t *testing.T) {
	t.Parallel()
	c := canaries{"a secret": {"canary-secret-4a7d", "canary-proxy-91c3", keyCanary}}
	env := map[string]string{"LICENSEGRAPH_CLIENT_SECRET": "canary-secret-4a7d", "LICENSEGRAPH_PROXY_CREDENTIALS": "u:canary-proxy-91c3", "LICENSEGRAPH_CURSOR_KEY": keyCanary}
	for i, args := range [][]string{
		{"-h"}, {"embedded", "-h"}, {"--tenant-id=a/b"}, {"--client-id=c", "--tenant-id=t", "--listen=:0"}, {"--client-id=c", "--tenant-id=t", "--proxy=http://x:canary-proxy-91c3@h:1"},
		{"--client-secret", "canary-secret-4a7d"}, {"--cursor-key=" + keyCanary}, {"--proxy-credentials=u:canary-proxy-91c3"}, {"--client-id=c", "--tenant-id=t", "--client-certificate-file=" + secretFile(t, "canary-secret-4a7d")},
		{"--client-id=c", "--tenant-id=t", "--authority=https://u:canary-secret-4a7d@h"}, {"--bogus=canary-secret-4a7d"}, {"--client-id=c", "--tenant-id=t", "--ca-file=" + secretFile(t, "canary-secret-4a7d")},
	} {
		var stdout, stderr, lines bytes.Buffer
		report(&lines, run(t.Context(), args, func(name string) string { return env[name] }, &stdout, &stderr))
		text := stdout.String() + stderr.String() + lines.String()
		if text == "" {
			t.Errorf("%v: no output", args)
		}
		c.none(t, fmt.Sprintf("start %d", i), text)
	}
}
