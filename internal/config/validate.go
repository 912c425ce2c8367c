package config

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/licensing"
)

// validate returns all problems of the configuration, joined. It has no side effects. It is not exported because kong
// would call it before the secrets are read.
func (c *Config) validate() error {
	v := &validation{}
	c.validateAddresses(v)
	c.validateUpstream(v)
	c.validateCallers(v)
	v.oneOf("upstream-report", c.UpstreamReport, "auto", "always", "never", "header")
	v.oneOf("audit-required", c.AuditRequired, "auto", "always", "never")
	v.oneOf("trusted-documents-mode", c.TrustedDocumentsMode, "off", "log", "enforce")
	if c.TrustedDocuments == "" && c.TrustedDocumentsMode != "off" {
		v.note("--trusted-documents-mode: %s requires --trusted-documents", c.TrustedDocumentsMode)
	}
	v.oneOf("log-format", c.LogFormat, "text", "json")
	var level slog.Level
	if level.UnmarshalText([]byte(c.LogLevel)) != nil {
		v.note("--log-level: invalid value %q: want one of debug, info, warn, error", c.LogLevel)
	}
	for _, s := range c.settings() {
		switch n := s.value.(type) {
		case int:
			v.atLeastOne(s.flag, int64(n))
		case int64:
			v.atLeastOne(s.flag, n)
		case time.Duration:
			switch {
			case n < 0 && mayBeZero[s.flag]:
				v.note("--%s: invalid duration %v: want 0s or more", s.flag, n)
			case n <= 0 && !mayBeZero[s.flag]:
				v.note("--%s: invalid duration %v: want more than 0", s.flag, n)
			}
		}
	}
	v.atMost("embedded-users", c.Embedded.Users, maxEmbeddedUsers)
	return errors.Join(v.problems...)
}

// mayBeZero has the durations that can be zero.
var mayBeZero = map[string]bool{"shutdown-delay": true, "reference-cache-life": true}

// maxReferenceCacheLife is the maximum of --reference-cache-life.
const maxReferenceCacheLife = time.Hour

// maxEmbeddedUsers is the maximum size that the embedded tenant is designed for.
const maxEmbeddedUsers = 1_000_000

func (c *Config) validateAddresses(v *validation) {
	host, ok := v.address("listen", c.Listen)
	if ok && !c.ServesEmbedded() && !IsLoopback(host) && c.Inbound == "none" {
		v.note("--listen: %s is not a loopback address: with a real tenant set --inbound=entra, or listen on a loopback address such as 127.0.0.1:8080", c.Listen)
	}
	if host, ok := v.address("embedded-listen", c.Embedded.Listen); ok && !IsLoopback(host) {
		v.note("--embedded-listen: invalid address %s: want a loopback address such as 127.0.0.1:8081", c.Embedded.Listen)
	}
	if (c.TLSCertFile == "") != (c.TLSKeyFile == "") {
		set, missing := "--tls-cert-file", "--tls-key-file"
		if c.TLSCertFile == "" {
			set, missing = missing, set
		}
		v.note("%s requires %s", set, missing)
	}
	if c.H2C && c.TLSCertFile != "" {
		v.note("--h2c and --tls-cert-file are both set: keep one; clients negotiate HTTP/2 with TLS")
	}
	if c.AdminListen != "" {
		v.address("admin-listen", c.AdminListen)
	} else if c.Pprof {
		v.note("--pprof: requires --admin-listen")
	}
	for _, host := range c.AllowedHosts {
		if !domain.MatchString(host) {
			v.note("--allowed-host: invalid host name %q: want a name without a port", host)
		}
	}
	for _, header := range c.CORSHeaders {
		if !headerName.MatchString(header) {
			v.note("--cors-header: invalid header name %q: want a value such as X-Team", header)
		}
	}
	for _, origin := range c.CORSOrigins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || origin != strings.ToLower(u.Scheme+"://"+u.Host) || strings.Contains(origin, "*") || u.Port() == map[string]string{"http": "80", "https": "443"}[u.Scheme] && u.Port() != "" {
			v.note("--cors-origin: invalid origin %q: want a value such as https://portal.example.com", origin)
		}
	}
}

func (c *Config) validateCallers(v *validation) {
	v.oneOf("inbound", c.Inbound, "none", "entra")
	if c.Inbound == "none" {
		if !c.ServesEmbedded() {
			c.validateStrangers(v)
		}
		for _, s := range []struct {
			flag string
			set  bool
		}{{"audience", len(c.Audiences) > 0}, {"scopes-alone", c.ScopesAlone}, {"graphiql-client-id", c.GraphiQLClientID != ""}} {
			if s.set {
				v.note("--%s requires authentication: set --inbound=entra", s.flag)
			}
		}
		return
	}
	if _, ok := licensing.ParseGUID(c.GraphiQLClientID); c.GraphiQLClientID != "" && !ok {
		v.note("--graphiql-client-id: invalid client ID %q: want a GUID", c.GraphiQLClientID)
	}
	for _, audience := range c.Audiences {
		if audience == "" || strings.ContainsAny(audience, " \t") || c.isGraph(audience) {
			v.note("--audience: invalid audience %q: want the client ID of the gateway's app registration, or its application ID URI such as api://<client ID>", audience)
		}
	}
}

// validateStrangers rejects settings that make a real tenant accessible to other machines or to web pages without
// authentication.
func (c *Config) validateStrangers(v *validation) {
	if c.AdminListen != "" {
		v.address("admin-listen", c.AdminListen)
	} else if c.Pprof {
		v.note("--pprof: requires --admin-listen")
	}
	for _, host := range c.AllowedHosts {
		v.note("--allowed-host: %q makes a real tenant accessible to other machines: set --inbound=entra", host)
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err == nil && !IsLoopback(u.Hostname()) {
			v.note("--cors-origin: %s makes a real tenant accessible to web pages: set --inbound=entra", origin)
		}
	}
}

// isGraph reports whether an audience is Microsoft Graph, in any cloud.
func (c *Config) isGraph(audience string) bool {
	named, err := url.Parse(strings.ToLower(audience))
	if err != nil || strings.EqualFold(audience, graphAppID) {
		return true
	}
	for _, s := range append(slices.Collect(maps.Values(clouds)), c.Services()) {
		if graph, err := url.Parse(s.GraphURL); err == nil && (named.Host == graph.Host || strings.EqualFold(audience, graph.Host)) {
			return true
		}
	}
	return false
}

// graphAppID is the application ID of Microsoft Graph. Tokens with this audience are for Microsoft Graph only
// (Microsoft Learn, "Access tokens in the Microsoft identity platform").
const graphAppID = "00000003-0000-0000-c000-000000000000"

// headerName matches the name of a header (RFC 9110, section 5.6.2).
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$")

// domain matches a host name.
var domain = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$`)

func (c *Config) validateUpstream(v *validation) {
	if _, ok := clouds[c.Cloud]; !ok {
		v.note("--cloud: invalid value %q: want one of worldwide, us-gov-l4, us-gov-l5, china", c.Cloud)
	}
	v.oneOf("outbound", c.Outbound, "app", "on-behalf-of")
	if c.ReferenceCacheLife > maxReferenceCacheLife {
		v.note("--reference-cache-life: invalid duration %v: want at most %v", c.ReferenceCacheLife, maxReferenceCacheLife)
	}
	if c.ReferenceCacheLife > 0 && c.Outbound == "on-behalf-of" {
		v.note("--reference-cache-life requires --outbound=app: what is read on behalf of users is not cached")
	}
	v.service("graph-url", c.GraphURL)
	v.service("authority", c.Authority)
	c.validateIdentities(v)
	if c.ServesEmbedded() {
		for _, s := range []struct{ flag, value string }{
			{"graph-url", c.GraphURL}, {"authority", c.Authority}, {"ca-file", c.CAFile}, {"proxy", c.Proxy}, {"client-key-file", c.ClientKeyFile},
		} {
			if s.value != "" {
				v.note("--%s requires a real tenant: set --tenant-id, --client-id and --client-secret-file", s.flag)
			}
		}
		if _, known := clouds[c.Cloud]; known && c.Cloud != "worldwide" {
			v.note("--cloud requires a real tenant: set --tenant-id, --client-id and --client-secret-file")
		}
		return
	}
	var missing []string
	if len(c.TenantIDs) == 0 {
		missing = append(missing, "--tenant-id")
	}
	if c.ClientID == "" {
		missing = append(missing, "--client-id")
	}
	if len(c.credentials()) == 0 {
		missing = append(missing, "one of --client-secret-file (or "+envName("client-secret")+"), --client-certificate-file, --federated-token-file")
	}
	if len(missing) > 0 {
		v.note("incomplete credentials: missing %s", strings.Join(missing, ", "))
	}
	for _, id := range c.TenantIDs {
		if !domain.MatchString(id) {
			v.note("--tenant-id: invalid ID %q", id)
		}
	}
	if c.ClientID != "" && !domain.MatchString(c.ClientID) {
		v.note("--client-id: invalid ID %q", c.ClientID)
	}
}

// validation collects problems.
type validation struct{ problems []error }

func (v *validation) note(format string, args ...any) {
	v.problems = append(v.problems, fmt.Errorf(format, args...))
}

func (v *validation) atMost(flag string, n, most int) {
	if n > most {
		v.note("--%s: invalid value: want at most %d", flag, most)
	}
}

func (v *validation) oneOf(flag, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		v.note("--%s: invalid value %q: want one of %s", flag, value, strings.Join(allowed, ", "))
	}
}

func (v *validation) atLeastOne(flag string, n int64) {
	if n < 1 {
		v.note("--%s: invalid value %d: want at least 1", flag, n)
	}
}

// address validates host:port and returns the host.
func (v *validation) address(flag, address string) (string, bool) {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		v.note("--%s: invalid address %q: want host:port", flag, address)
		return "", false
	}
	return host, true
}

// service validates the URL of a service that receives credentials. Its errors do not include the URL, which may
// contain a password.
func (v *validation) service(flag, address string) {
	if address == "" {
		return
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		v.note("--%s: invalid URL: want a value such as https://graph.microsoft.com", flag)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "":
		v.note("--%s: invalid URL: want scheme and host only, such as https://graph.microsoft.com", flag)
	case u.Scheme == "http" && IsLoopback(u.Hostname()):
	case u.Scheme != "https":
		v.note("--%s: invalid URL: want https, because credentials are sent there", flag)
	}
}

// IsLoopback reports whether a host is a loopback address or localhost. It does not resolve other names.
func IsLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
