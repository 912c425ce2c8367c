package outbound

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// proxySchemes are the schemes that net/http supports.
var proxySchemes = []string{"http", "https", "socks5", "socks5h"}

// Proxy parses the URL of a proxy and its credentials, user:password or empty. Its errors include neither.
func Proxy(address, credentials string) (*url.URL, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || !slices.Contains(proxySchemes, u.Scheme) || !ascii(u.Host):
		return nil, errors.New("invalid URL: want http://host:port, https://host:port or socks5://host:port")
	case u.User != nil:
		return nil, errors.New("invalid URL: credentials are not accepted here, where other processes can read them")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("invalid URL: want neither path nor query")
	}
	if credentials != "" {
		user, password, ok := strings.Cut(credentials, ":")
		if !ok || user == "" || !printable(credentials) {
			return nil, errors.New("invalid proxy credentials: want user:password")
		}
		u.User = url.UserPassword(user, password)
	}
	return u, nil
}

func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
