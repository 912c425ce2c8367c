package emulator

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// origin is scheme and host as the client sees them. A proxy in front says so
// itself, with X-Forwarded-Proto and X-Forwarded-Host; it is believed when it is
// on this machine.
func origin(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if peer, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && isLoopback(peer) {
		if s := r.Header.Get("X-Forwarded-Proto"); s == "http" || s == "https" {
			scheme = s
		}
		if h := r.Header.Get("X-Forwarded-Host"); isHost(h) {
			host = h
		}
	}
	return scheme + "://" + host
}

// isHost says whether the text is a host, with a port or without, and nothing
// else.
func isHost(text string) bool {
	u, err := url.Parse("https://" + text)
	return err == nil && text != "" && len(text) <= 260 && u.Host == text && u.Hostname() != "" && !strings.ContainsAny(text, "/?#@\\ ,")
}

// issuerOf is whose tokens one gets at a tenant's address: at that of all, a
// pattern with {tenantid} for that of the person.
func (e *Emulator) issuerOf(c *call, tenant string) (string, *answer) {
	switch {
	case c.method != http.MethodGet && c.method != http.MethodHead:
		a := e.refuse(c, http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts GET requests. Received a %s request.", c.method)
		return "", &a
	case e.knows(tenant):
		return e.issuer(c), nil
	case e.takesPeople(tenant):
		return c.base + "/{tenantid}/v2.0", nil
	}
	a := e.refuse(c, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID.", tenant)
	return "", &a
}

// discovery is OpenID Connect Discovery 1.0, section 3.
func (e *Emulator) discovery(c *call, tenant string) answer {
	issuer, refused := e.issuerOf(c, tenant)
	if refused != nil {
		return *refused
	}
	authority := e.authority(c)
	if !e.knows(tenant) {
		authority = c.base + "/" + tenant
	}
	return answer{status: http.StatusOK, header: map[string]string{"Access-Control-Allow-Origin": "*"}, body: encode(object{
		"issuer":                                issuer,
		"authorization_endpoint":                authority + "/oauth2/v2.0/authorize",
		"token_endpoint":                        authority + "/oauth2/v2.0/token",
		"device_authorization_endpoint":         authority + "/oauth2/v2.0/devicecode",
		"end_session_endpoint":                  authority + "/oauth2/v2.0/logout",
		"jwks_uri":                              authority + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "nonce", "preferred_username", "name", "tid", "ver", "oid", "email"},
		"code_challenge_methods_supported":      []string{"plain", "S256"},
		"request_uri_parameter_supported":       false,
		"http_logout_supported":                 false,
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   strings.TrimPrefix(strings.TrimPrefix(c.base, "https://"), "http://"),
		"msgraph_host":                          strings.TrimPrefix(strings.TrimPrefix(c.base, "https://"), "http://"),
	})}
}

// instance tells a library under which names an authority is known: this one
// has one.
func (e *Emulator) instance(c *call) answer {
	query, err := url.ParseQuery(c.rawQuery)
	asked, err2 := url.Parse(query.Get("authorization_endpoint"))
	if err != nil || err2 != nil || asked.Scheme+"://"+asked.Host != c.base {
		return e.refuse(c, http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance.")
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if !e.takesPeople(tenant) {
		return e.refuse(c, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found.", tenant)
	}
	return answer{status: http.StatusOK, body: encode(object{
		"tenant_discovery_endpoint": c.base + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []object{{"preferred_network": asked.Host, "preferred_cache": asked.Host, "aliases": []string{asked.Host}}},
	})}
}
