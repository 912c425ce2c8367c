package outbound

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// proxySchemes are those that net/http knows.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// Proxy reads the address of a proxy, and its credentials, a user and a password with a colon between, or nothing. Its
// errors repeat neither.
func Proxy(address, credentials string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) || !ascii(u.Host):
		return nil, errors.New("a proxy is of the form http://host:port, https://host:port or socks5://host:port")
	case u.User != nil:
		return nil, errors.New("credentials do not belong into the address of a proxy, where others could read them")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("the address of a proxy has neither path nor query")
	}
	if credentials != "" {
		user, password, ok := strings.Cut(credentials, ":")
		if !ok || user == "" || !printable(credentials) {
			return nil, errors.New("the credentials of a proxy are of the form user:password")
		}
		u.User = url.UserPassword(user, password)
	}
	return u, nil
}

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
