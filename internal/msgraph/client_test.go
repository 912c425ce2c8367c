package msgraph

import (
	"net/url"
	"strings"
	"testing"
)

func newClient(t testing.TB, graphURL string) *Client {
	t.Helper()
	c, err := New(Options{GraphURL: graphURL, Out: way(t, "")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var links = []struct{ link, want string }{
	{"https://graph.example/beta/users?$skiptoken=x", "/users?$skiptoken=x"},
	{"https://GRAPH.example/beta/users?$skiptoken=x", "/users?$skiptoken=x"},
	{"HTTPS://graph.example/beta/users", "/users"},
	{"https://graph.example/beta/users?", "/users"},
	{"https://graph.example/beta/users?a=b?c", "/users?a=b?c"},
	{"https://graph.example/beta/users/a%2Fb?x=%26", "/users/a%2Fb?x=%26"},
	{"https://graph.example/beta/users#fragment", "/users"},
	{"https://graph.example:443/beta/users", "/users"},
	{"https://graph.example:/beta/users", "/users"},
	{"https://graph.example/beta//evil.example/users", "//evil.example/users"}, // a path below the version all the same
	{"https://graph.example/beta/%252e%252e/v1.0", "/%252e%252e/v1.0"},         // a name that looks odd

	{"", ""},
	{"https://graph.example", ""},
	{"https://graph.example/", ""},
	{"https://graph.example/beta", ""},
	{"https://graph.example/betausers", ""},
	{"https://graph.example/v1.0/users", ""},
	{"https://graph.example/BETA/users", ""},
	{"https://graph.example//beta/users", ""},
	{"https://graph.example/beta/../v1.0/users", ""},
	{"https://graph.example/beta/users/../../v1.0", ""},
	{"https://graph.example/beta/..", ""},
	{"https://graph.example/beta/%2e%2e/v1.0", ""},
	{"https://graph.example/beta/.%2E/v1.0", ""},
	{"https://graph.example/beta/./users", ""},
	{"http://graph.example/beta/users", ""},
	{"https://graph.example:444/beta/users", ""},
	{"https://graph.example.evil.example/beta/users", ""},
	{"https://evil.example/beta/users", ""},
	{"https://evil.example#graph.example/beta/users", ""},
	{"https://graph.example@evil.example/beta/users", ""},
	{"https://user@graph.example/beta/users", ""},
	{"https://user:password@graph.example/beta/users", ""},
	{"https://@graph.example/beta/users", ""},
	{"//graph.example/beta/users", ""},
	{"//evil.example/beta/users", ""},
	{"/beta/users", ""},
	{"users", ""},
	{"https:graph.example/beta/users", ""},
	{"https:///beta/users", ""},
	{`https:\\graph.example\beta\users`, ""},
	{"https://graph.example\\.evil.example/beta/users", ""},
	{`https://evil.example\@graph.example/beta/users`, ""},
	{`https://graph.example\@evil.example/beta/users`, ""},
	{`https://graph.example/beta/..\v1.0/users`, ""},
	{"https://graph.example/beta/..%5cv1.0/users", ""},
	{"https://graph.example/beta/%2e%2e%2fv1.0/users", ""},
	{"https://graph.example/beta/..%2Fv1.0/users", ""},
	{"https://graph.example:80/beta/users", ""},
	{"https://graph.example:0443/beta/users", ""},
	{"https://graph.example./beta/users", ""},
	{"https://ｇraph.example/beta/users", ""},
	{"https://gr\u00e4ph.example/beta/users", ""},
	{"https://graph%2Eexample.evil.example/beta/users", ""},
	{"https://graph.example%00.evil.example/beta/users", ""},
	{"https://graph.example%2fevil.example/beta/users", ""},
	{"https://xn--raph-n6a.example/beta/users", ""},
	{"wss://graph.example/beta/users", ""},
	{"ftp://graph.example/beta/users", ""},
	{"file:///beta/users", ""},
	{"https:////graph.example/beta/users", ""},
	{"\\\\graph.example\\beta\\users", ""},
	{" https://graph.example/beta/users", ""},
	{"https://graph.example /beta/users", ""},
	{"javascript:alert(1)", ""},
	{"https://graph.example/beta/\x00", ""},
	{"https://[::1/beta/users", ""},
}

func TestFollow(t *testing.T) {
	t.Parallel()
	c := newClient(t, "https://graph.example")
	for _, tt := range links {
		got, err := c.follow(tt.link)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.link, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("the error has the link: %v", err)
		}
	}
	for _, link := range []string{"https://graph.micro\u017foft.com/beta/users", "https://graph.\u212aoft.com/beta/users"} { // letters that fold to s and k
		for _, host := range []string{"https://graph.microsoft.com", "https://graph.koft.com"} {
			if got, err := newClient(t, host).follow(link); err == nil {
				t.Errorf("%q resolves to %q of %s", link, got, host)
			}
		}
	}
	below := newClient(t, "https://proxy.example/graph/")
	if got, err := below.follow("https://proxy.example/graph/beta/users"); got != "/users" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, link := range []string{"https://proxy.example/beta/users", "https://proxy.example/other/beta/users", "https://proxy.example/graph/../beta/users"} {
		if got, err := below.follow(link); err == nil {
			t.Errorf("%q resolves to %q", link, got)
		}
	}
}

// FuzzFollow tests that a followed link is below the base URL.
func FuzzFollow(f *testing.F) {
	c := newClient(f, "https://graph.example")
	for _, tt := range links {
		f.Add(tt.link)
	}
	f.Fuzz(func(t *testing.T, link string) {
		relative, err := c.follow(link)
		if err != nil {
			return
		}
		u, err := url.Parse(c.base.String() + relative)
		if err != nil {
			t.Fatalf("%q: %v", relative, err)
		}
		if u.Scheme != "https" || u.Host != "graph.example" || u.User != nil || !strings.HasPrefix(u.Path, "/beta/") || u.Fragment != "" {
			t.Errorf("%q resolves to %v", link, u)
		}
		if clean := u.JoinPath(); !strings.HasPrefix(clean.Path, "/beta") { // JoinPath resolves dots
			t.Errorf("%q resolves to %v", link, clean)
		}
		again, err := c.follow(u.String())
		if err != nil || again != relative {
			t.Errorf("%q, followed twice: %q, %q, %v", link, relative, again, err)
		}
	})
}
