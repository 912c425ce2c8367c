package contract

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"licensegraph/internal/emulator/exchange"
)

// Most is the maximum number of complaints of [Check] about one answer.
const Most = 20

// Exchange is a request with its answer.
type Exchange = exchange.Exchange

// Reading is one of two readings of the documentation.
type Reading = exchange.Reading

// Check returns the errors in an answer, at most [Most]. It does not check
// whether the status is right for the request.
func Check(x Exchange) []string {
	c := &checker{Exchange: x, model: written()}
	c.headers()
	if x.Method == http.MethodOptions || x.Method == http.MethodHead {
		return c.found
	}
	if len(x.Body) == 0 {
		c.answer(nil, false)
		return c.found
	}
	if c.text() {
		return c.found
	}
	var body any
	if err := json.Unmarshal(x.Body, &body); err != nil {
		c.complain("the body is not JSON: %v", err)
		return c.found
	}
	c.answer(body, true)
	return c.found
}

type (
	object = map[string]any
	number = float64
)

// checker checks one answer.
type checker struct {
	Exchange
	model *model
	part  bool
	place []string // names in the path to the value
	index []int    // and list indexes; -1 = none
	found []string

	version string
	at      *Endpoint
	ids     []string
	asked   asked
}

func (c *checker) complain(format string, args ...any) {
	if len(c.found) >= Most {
		return
	}
	where := ""
	for i, name := range c.place {
		where += "/" + name
		if c.index[i] >= 0 {
			where += "[" + strconv.Itoa(c.index[i]) + "]"
		}
	}
	if where != "" {
		where += ": "
	}
	c.found = append(c.found, where+fmt.Sprintf(format, args...))
}

func (c *checker) push(name string) {
	c.place, c.index = append(c.place, name), append(c.index, -1)
}

func (c *checker) pop() {
	c.place, c.index = c.place[:len(c.place)-1], c.index[:len(c.index)-1]
}

// in calls do for a member of the current object.
func (c *checker) in(name string, do func()) {
	c.push(name)
	do()
	c.pop()
}

// items calls do for each element of a list.
func (c *checker) items(v any, do func(item any)) {
	list, ok := v.([]any)
	if !ok {
		c.complain("it is %s, not a list", kindOf(v))
		return
	}
	last := len(c.index) - 1
	for i, item := range list {
		c.index[last] = i
		do(item)
	}
	c.index[last] = -1
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case number:
		return fmt.Sprint("the number ", v)
	case string:
		return strconv.Quote(shortened(v))
	case []any:
		return "a list"
	}
	return "an object"
}

func shortened(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

// split splits the URL into version, path and query.
func (c *checker) split() (version, path, query string) {
	path, query, _ = strings.Cut(strings.TrimPrefix(c.URL, "/"), "?")
	version, path, _ = strings.Cut(path, "/")
	if version != "v1.0" && version != "beta" {
		path, version = version+"/"+path, "sign-in"
	}
	return version, path, query
}

func (c *checker) versionOf() string {
	version, _, _ := c.split()
	return version
}

// text reports whether the answer is HTML or other text that is not JSON.
func (c *checker) text() bool {
	version, path, _ := c.split()
	if version == "sign-in" && strings.HasPrefix(path, "data/download/") && c.Status == http.StatusOK {
		if !bytes.HasPrefix(c.Body, []byte("\xef\xbb\xbfReport Refresh Date,User Principal Name,Display Name,")) || c.Header.Get("Content-Type") != "application/octet-stream" {
			c.complain("it is not the file of a report")
		}
		return true
	}
	return version == "sign-in" && strings.HasPrefix(c.Header.Get("Content-Type"), "text/html")
}

// answer checks the body of an answer, or of a part of a batch.
func (c *checker) answer(body any, has bool) {
	version, path, query := c.split()
	c.version = version
	c.at, c.ids = c.model.find(version, c.Method, path)
	if version == "sign-in" {
		c.signIn(body, has)
		return
	}
	if c.Status == http.StatusFound && strings.Contains(path, "reports/get") { // The file is elsewhere.
		if !strings.HasPrefix(c.Header.Get("Location"), c.Base+"/data/download/") || has {
			c.complain("302 to %q, with a body: %t", c.Header.Get("Location"), has)
		}
		return
	}
	if c.Status >= 300 {
		c.failure(body, has)
		return
	}
	if c.at == nil {
		c.complain("%s %s is not in the contract", c.Method, shortened(path))
		return
	}
	c.asked = options(query, c.First)
	c.asked.count = c.asked.count && strings.EqualFold(c.RequestHeader.Get("ConsistencyLevel"), "eventual")
	switch status := c.at.status; {
	case strings.HasSuffix(c.at.Path, "/reprocessAssignments") && c.ReprocessAnswers:
		if c.Status != http.StatusOK || has {
			c.complain("status %d, want 200 without a body", c.Status)
		}
		return
	case c.at.nullable && !has && c.Status == http.StatusNoContent && !c.NullRight:
		return
	case c.Status != status:
		c.complain("status %d, want %d", c.Status, status)
	}
	if has != (c.at.answer != "-") {
		c.complain("there is a body: %t", has)
		return
	}
	if !has {
		return
	}
	o, ok := body.(object)
	switch {
	case c.at.answer == "number":
		if n, ok := body.(number); !ok || n < 0 || n != math.Trunc(n) {
			c.complain("the body is %s, not a number of objects", kindOf(body))
		}
	case !ok:
		c.complain("the body is %s, not an object", kindOf(body))
	case c.at.answer == "batch":
		c.batch(o)
	case c.at.delta:
		c.delta(o)
	case c.at.list:
		c.list(o)
	default:
		c.single(o)
	}
}

// context checks the @odata.context against the expected set.
func (c *checker) context(o object, entity bool) {
	got, _ := o["@odata.context"].(string)
	fragment, ok := strings.CutPrefix(got, c.Base+"/"+c.version+"/$metadata#")
	if !ok {
		c.complain("@odata.context is %q", got)
		return
	}
	if entity {
		if fragment, ok = strings.CutSuffix(fragment, "/$entity"); !ok {
			c.complain("@odata.context %q does not end in /$entity", got)
		}
	}
	want := c.at.context
	for i, id := range c.ids {
		if isDirectory := i == 0 && c.at.segments[0] == "users"; isDirectory && !isGUID(strings.ToLower(id)) {
			id = "{guid}" // A user has other identifiers as well.
		}
		want = strings.ReplaceAll(want, "{"+strconv.Itoa(i+1)+"}", id)
	}
	list := ""
	switch {
	case c.asked.apply != nil:
		list = "(" + strings.Join(c.asked.apply, ",") + ")"
	case c.asked.sel != nil && !c.at.delta:
		list = "(" + strings.Join(c.asked.sel, ",") + ")"
	}
	if fragment, ok = strings.CutSuffix(fragment, list); !ok {
		c.complain("@odata.context %q does not contain the selected properties, %s", got, list)
	}
	if before, after, found := strings.Cut(want, "{guid}"); found {
		rest, ok := strings.CutPrefix(fragment, before)
		ok = ok && len(rest) >= 36 && isGUID(rest[:36])
		if ok && rest[36:] == after {
			return
		}
	}
	if !strings.EqualFold(fragment, want) {
		c.complain("@odata.context is %q, want %q", fragment, want)
	}
}

// link checks a next or delta link: it must be absolute, under the version and
// the path, and have a token in addition to the given options.
func (c *checker) link(v any, path, token string, given url.Values) {
	text, _ := v.(string)
	u, err := url.Parse(text)
	if err != nil {
		c.complain("%q is not a URL", shortened(text))
		return
	}
	want, err := url.PathUnescape(path)
	if err != nil {
		want = path
	}
	values := optionsIn(u.RawQuery)
	if u.Scheme+"://"+u.Host != c.Base || u.Path != "/"+c.version+"/"+want {
		c.complain("it leads to %q, want %s", shortened(text), c.Base+"/"+c.version+"/"+want)
	}
	if len(values[token]) != 1 || values.Get(token) == "" {
		c.complain("%q has no %s", shortened(text), token)
	}
	values.Del(token)
	if values.Encode() != given.Encode() {
		c.complain("%q does not contain the options %q", shortened(text), shortened(given.Encode()))
	}
}

// only complains about members with other names.
func (c *checker) only(o object, names ...string) {
	for name := range o {
		if !slices.Contains(names, name) {
			c.complain("unknown member %q", name)
		}
	}
}

func (c *checker) list(o object) {
	if c.at.Path == "/directoryObjects/getByIds" && c.NoObjectSelect {
		c.asked.sel = nil
	}
	if c.at.context != "" {
		c.context(o, false)
	}
	c.only(o, "@odata.context", "value", "@odata.nextLink", "@odata.count")
	_, path, _ := c.split()
	if next, ok := o["@odata.nextLink"]; ok {
		if !c.at.supports("top") && !strings.HasPrefix(c.at.Path, "/devices/") {
			c.complain("unexpected next link")
		}
		c.in("@odata.nextLink", func() { c.link(next, path, "$skiptoken", c.asked.given) })
	}
	count, has := o["@odata.count"]
	if want := c.asked.count && !c.asked.later && c.at.supports("count"); has != want {
		c.complain("there is an @odata.count: %t, want %t", has, want)
	} else if has {
		c.in("@odata.count", func() { c.value(count, &property{typeName: "Edm.Int64"}, nil) })
	}
	most := 0
	switch {
	case c.at.of.cloud():
		most = c.cloudPage()
		if c.asked.top > 0 {
			most = min(most, c.asked.top)
		}
	case c.at.supports("top"):
		if most = 999; strings.HasPrefix(c.at.Path, "/auditLogs/") {
			most = 1000
		} else if strings.Contains(c.at.Path, "reports/") {
			most = 200
		}
		if c.asked.top > 0 {
			most = c.asked.top
		}
	}
	items, _ := o["value"].([]any)
	if most > 0 && len(items) > most && c.asked.apply == nil {
		c.complain("%d on a page of at most %d", len(items), most)
	}
	c.in("value", func() {
		c.items(o["value"], func(item any) {
			if c.asked.apply != nil {
				c.row(item)
				return
			}
			c.entity(item, c.at.of, form{sel: c.asked.sel, expand: c.relations(), listed: true})
		})
	})
}

func (c *checker) cloudPage() int {
	if c.CloudPage > 0 {
		return c.CloudPage
	}
	return 100
}

// relations returns the relations that the answer must expand.
func (c *checker) relations() []expansion {
	if c.NoErrorRelations && c.at.of.name == "cloudLicensing.assignmentError" {
		return nil
	}
	return c.asked.expand
}

// row checks a row of $apply.
func (c *checker) row(v any) {
	o, ok := v.(object)
	if !ok {
		c.complain("it is %s, not an object", kindOf(v))
		return
	}
	c.only(o, c.asked.apply...)
	for _, name := range c.asked.apply {
		v, there := o[name]
		p := c.at.of.all[name]
		if p == nil {
			p = &property{typeName: "Edm.Int64"}
		}
		c.in(name, func() {
			if !there {
				c.complain("it is missing")
				return
			}
			c.value(v, p, c.at.of)
		})
	}
}

func (c *checker) single(o object) {
	if c.NullRight && c.at.nullable {
		if v, there := o["value"]; there && v == nil && len(o) == 1 {
			return
		}
	}
	c.context(o, c.at.of.kind == "entity")
	f := form{sel: c.asked.sel, expand: c.relations(), top: true}
	cloudPath := slices.Contains(c.at.segments, "cloudLicensing")
	f.assignee = c.at.of.name == "directoryObject" && cloudPath
	cloudPath = cloudPath || c.at.segments[0] == "admin"
	f.listed = c.at.segments[len(c.at.segments)-1] == "allotment"
	f.noID = c.NoCreatedID && c.Method == http.MethodPost && cloudPath && c.at.segments[0] != "admin"
	if c.at.licenses { // These actions return more than the default properties.
		f.more = []string{"accountEnabled", "assignedLicenses", "assignedPlans", "city", "companyName", "department", "usageLocation", "userType"}
	}
	if c.Wrapped && cloudPath && c.Method == http.MethodGet {
		c.only(o, "@odata.context", "value")
		f.top = false
		c.in("value", func() { c.entity(o["value"], c.at.of, f) })
		return
	}
	c.entity(o, c.at.of, f)
}

// delta checks a page of changes.
func (c *checker) delta(o object) {
	fragment, _ := o["@odata.context"].(string)
	if want := c.Base + "/" + c.version + "/$metadata#" + c.at.context; !strings.HasPrefix(fragment, want) ||
		!slices.Contains([]string{"", "/$delta", "(" + strings.Join(c.asked.sel, ",") + ")", "(" + strings.Join(c.asked.sel, ",") + ")/$delta"}, fragment[len(want):]) {
		c.complain("@odata.context is %q", fragment)
	}
	c.only(o, "@odata.context", "value", "@odata.nextLink", "@odata.deltaLink")
	_, path, _ := c.split()
	next, hasNext := o["@odata.nextLink"]
	end, hasEnd := o["@odata.deltaLink"]
	switch {
	case hasNext == hasEnd:
		c.complain("want either a next or a delta link")
	case hasNext:
		c.in("@odata.nextLink", func() { c.link(next, path, "$skiptoken", nil) })
	default:
		c.in("@odata.deltaLink", func() { c.link(end, path, "$deltatoken", nil) })
	}
	var sel []string
	for _, name := range c.asked.sel {
		if name != "members" {
			sel = append(sel, name)
		}
	}
	if c.asked.sel != nil && !slices.Contains(sel, "id") {
		sel = append(sel, "id")
	}
	c.in("value", func() {
		c.items(o["value"], func(item any) {
			o, ok := item.(object)
			if !ok {
				c.complain("it is %s, not an object", kindOf(item))
				return
			}
			if _, gone := o["@removed"]; gone {
				c.removed(o)
				return
			}
			if members, ok := o["members@delta"]; ok && c.at.of.name == "group" {
				c.in("members@delta", func() { c.items(members, c.memberChange) })
				o = maps.Clone(o)
				delete(o, "members@delta")
			}
			c.entity(o, c.at.of, form{sel: sel, listed: true})
		})
	})
}

func (c *checker) memberChange(v any) {
	o, ok := v.(object)
	if !ok {
		c.complain("it is %s, not an object", kindOf(v))
		return
	}
	name, _ := o["@odata.type"].(string)
	if t := c.model.types[strings.TrimPrefix(name, "#microsoft.graph.")]; name == "#microsoft.graph.agentUser" {
	} else if t == nil || t.base != "directoryObject" || name[0] != '#' {
		c.complain("@odata.type is %q", name)
	}
	o = maps.Clone(o)
	delete(o, "@odata.type")
	c.removed(o)
}

// removed checks a reference to an object by its ID, with or without @removed.
func (c *checker) removed(o object) {
	c.only(o, "id", "@removed")
	if id, _ := o["id"].(string); !isGUID(id) {
		c.complain("id is %s", kindOf(o["id"]))
	}
	if removed, there := o["@removed"]; there {
		inner, _ := removed.(object)
		if reason := inner["reason"]; len(inner) != 1 || reason != "changed" && reason != "deleted" {
			c.complain("@removed is %v", removed)
		}
	}
}

// failure checks an error response.
func (c *checker) failure(body any, has bool) {
	if !slices.Contains(failures, c.Status) && (!c.part || c.Status != http.StatusFailedDependency) {
		c.complain("status %d is not an error status of Graph", c.Status)
	}
	if !has {
		c.complain("an error without a body")
		return
	}
	c.closed(body, c.model.types["errorEnvelope"])
	o, _ := body.(object)
	said, _ := o["error"].(object)
	inner, _ := said["innerError"].(object)
	if code, ok := said["code"].(string); ok && code == "" && (!c.part || !c.NoCodesOfParts) {
		c.complain("the code is empty")
	}
	if !c.part && len(inner) > 0 {
		for _, name := range []string{"request-id", "client-request-id"} {
			if inner[name] != c.Header.Get(name) {
				c.complain("%s is %v inside and %q outside", name, inner[name], c.Header.Get(name))
			}
		}
	}
}

// failures are the statuses of "Microsoft Graph error responses and resource
// types", and 414 of RFC 9110.
var failures = []int{400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 422, 423, 429, 500, 501, 503, 504, 507, 509}

// signIn checks the answers of the token endpoint and the other sign-in
// endpoints.
func (c *checker) signIn(body any, has bool) {
	switch {
	case c.at == nil || c.Status >= 300 && c.Status < 400:
		if c.Status < 300 && has {
			c.complain("%s %s is not in the contract", c.Method, shortened(c.URL))
		}
	case c.Status != c.at.status:
		c.closed(body, c.model.types["tokenError"])
	default:
		c.closed(body, c.at.of)
		if o, ok := body.(object); ok && c.at.of.name == "tokenAnswer" {
			c.token(o)
		}
	}
}

// token checks the members of a token response that depend on the grant.
func (c *checker) token(o object) {
	form, _ := url.ParseQuery(string(c.Request))
	c.in("access_token", func() {
		if isApp := c.jwt(o["access_token"], "accessToken"); isApp != (form.Get("grant_type") == "client_credentials") {
			c.complain("app-only: %t", isApp)
		}
	})
	if id, there := o["id_token"]; there {
		c.in("id_token", func() { c.jwt(id, "idToken") })
	}
	_, refresh := o["refresh_token"]
	_, scope := o["scope"]
	switch form.Get("grant_type") {
	case "client_credentials":
		if refresh || scope || o["id_token"] != nil {
			c.complain("an app-only token response must not have a scope, a refresh token or an ID token")
		}
	default:
		if !scope {
			c.complain("scope is missing")
		}
		asked := form.Get("scope")
		if refresh && asked != "" && form.Get("requested_token_use") == "on_behalf_of" && !slices.Contains(strings.Fields(asked), "offline_access") {
			c.complain("refresh token without offline_access")
		}
	}
	for _, name := range []string{"expires_in", "ext_expires_in"} {
		n, _ := o[name].(number)
		if n != math.Trunc(n) || n <= 0 || n > 28*3600 {
			c.complain("%s is %s", name, kindOf(o[name]))
		}
	}
}

// jwt checks the claims of a token, RFC 7519, and reports whether it is an
// app-only token.
func (c *checker) jwt(v any, typeName string) (isApp bool) {
	text, _ := v.(string)
	sections := strings.Split(text, ".")
	if len(sections) != 3 {
		return false
	}
	raw, err := base64.RawURLEncoding.DecodeString(sections[1])
	var claims object
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		c.complain("the claims are invalid")
		return false
	}
	if typeName == "accessToken" {
		version, _ := claims["ver"].(string)
		typeName += version
	}
	t := c.model.types[typeName]
	if t == nil {
		c.complain("its version is %s", kindOf(claims["ver"]))
		return false
	}
	c.closed(claims, t)
	var times [3]number
	for i, name := range []string{"nbf", "iat", "exp"} {
		times[i], _ = claims[name].(number)
	}
	if times[0] > times[1] || times[1] >= times[2] {
		c.complain("nbf, iat and exp are %v", times)
	}
	_, scope := claims["scp"]
	_, roles := claims["roles"]
	switch isApp = claims["idtyp"] == "app"; {
	case typeName == "idToken":
	case isApp == scope, scope && roles && claims["ver"] == "1.0": // tokens for Graph; users can have roles in other applications
		c.complain("idtyp is %s, with scp: %t, roles: %t", kindOf(claims["idtyp"]), scope, roles)
	}
	return isApp
}

// headers checks the headers of an HTTP response.
func (c *checker) headers() {
	h := c.Header
	version, _, _ := c.split()
	if id := h.Get("request-id"); !isGUID(id) {
		c.complain("the header request-id is %q", id)
	}
	want := c.RequestHeader.Get("client-request-id")
	if want == "" || len(want) > 128 {
		want = h.Get("request-id")
	}
	if got := h.Get("client-request-id"); got != want {
		c.complain("the header client-request-id is %q, want %q", got, want)
	}
	if _, err := time.Parse(http.TimeFormat, h.Get("Date")); err != nil {
		c.complain("the header Date is %q", h.Get("Date"))
	}
	if d := h.Get("x-ms-ags-diagnostic"); !jsontext.Value(d).IsValid() {
		c.complain("the header x-ms-ags-diagnostic is not JSON: %q", d)
	}
	if version != "sign-in" && c.Method != http.MethodOptions {
		c.graphHeaders(h, len(c.Body) > 0)
	} else if len(c.Body) > 0 && h.Get("Content-Type") == "" {
		c.complain("Content-Type is missing")
	}
}

// graphHeaders checks the headers of every Graph response, including parts.
func (c *checker) graphHeaders(h http.Header, body bool) {
	contentType, odata := h.Get("Content-Type"), h.Get("OData-Version")
	good := c.Status < 300
	success := "application/json;odata.metadata=minimal;"
	if path, _, _ := strings.Cut(c.URL, "?"); strings.HasSuffix(path, "/$count") {
		success = "text/plain" // OData Version 4.01 Part 1: Protocol, section 11.2.10
	}
	switch {
	case !body && contentType != "" && c.Status != http.StatusFound: // a redirection to a report has one
		c.complain("Content-Type without a body: %q", contentType)
	case body && good && !strings.HasPrefix(contentType, success), body && !good && contentType != "application/json":
		c.complain("the Content-Type is %q", contentType)
	}
	if good != (odata == "4.0") {
		c.complain("the header OData-Version is %q with status %d", odata, c.Status)
	}
	if h.Get("Cache-Control") == "" {
		c.complain("Cache-Control is missing")
	}
	if units := h.Get("x-ms-resource-unit"); units != "" || good && !strings.HasPrefix(c.URL, "/"+c.versionOf()+"/$batch") {
		if n, err := strconv.Atoi(units); err != nil || n < 1 {
			c.complain("the header x-ms-resource-unit is %q", units)
		}
	}
	if retry := h.Get("Retry-After"); retry != "" {
		if n, err := strconv.Atoi(retry); err != nil || n < 1 {
			c.complain("the header Retry-After is %q", retry)
		}
	}
	location := h.Get("Location")
	switch c.Status {
	case http.StatusUnauthorized:
		if !strings.HasPrefix(h.Get("WWW-Authenticate"), "Bearer ") {
			c.complain("the header WWW-Authenticate is %q", h.Get("WWW-Authenticate"))
		}
	case http.StatusTooManyRequests:
		if scope := strings.Split(h.Get("x-ms-throttle-scope"), "/"); len(scope) != 4 || h.Get("x-ms-throttle-information") == "" {
			c.complain("429 without x-ms-throttle-scope or -information: %v", scope)
		}
	case http.StatusAccepted, http.StatusGone:
		if !strings.HasPrefix(location, c.Base+"/") {
			c.complain("the header Location is %q", location)
		}
	}
}
