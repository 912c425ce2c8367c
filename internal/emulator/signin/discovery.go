package signin

import (
	"net/http"
	"net/url"
	"strings"

	"licensegraph/internal/emulator/wire"
)

// issuerOf returns the issuer of a tenant's authority. For a multi-tenant
// authority, it is a pattern with {tenantid}.
func (e *Entra) issuerOf(c *wire.Call, tenant string) (string, *wire.Answer) {
	switch {
	case c.Method != http.MethodGet && c.Method != http.MethodHead:
		a := e.refuse(c, http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts GET requests. Received a %s request.", c.Method)
		return "", &a
	case e.isTenant(tenant):
		return e.issuer(c), nil
	case e.acceptsUsers(tenant):
		return c.Base + "/{tenantid}/v2.0", nil
	}
	a := e.refuse(c, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID.", tenant)
	return "", &a
}

// discovery returns the metadata of OpenID Connect Discovery 1.0, section 3.
func (e *Entra) discovery(c *wire.Call, tenant string) wire.Answer {
	issuer, refused := e.issuerOf(c, tenant)
	if refused != nil {
		return *refused
	}
	authority := e.authority(c)
	if !e.isTenant(tenant) {
		authority = c.Base + "/" + tenant
	}
	return wire.Answer{Status: http.StatusOK, Header: map[string]string{"Access-Control-Allow-Origin": "*"}, Body: wire.Encode(object{
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
		"cloud_instance_name":                   strings.TrimPrefix(strings.TrimPrefix(c.Base, "https://"), "http://"),
		"msgraph_host":                          strings.TrimPrefix(strings.TrimPrefix(c.Base, "https://"), "http://"),
	})}
}

// instance is the instance discovery endpoint: it returns the aliases of an
// authority. This authority has one name.
func (e *Entra) instance(c *wire.Call) wire.Answer {
	query, err := url.ParseQuery(c.RawQuery)
	asked, err2 := url.Parse(query.Get("authorization_endpoint"))
	if err != nil || err2 != nil || asked.Scheme+"://"+asked.Host != c.Base {
		return e.refuse(c, http.StatusBadRequest, "invalid_instance", 50049, "Unknown or invalid instance.")
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(asked.Path, "/"), "/")
	if !e.acceptsUsers(tenant) {
		return e.refuse(c, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found.", tenant)
	}
	return wire.Answer{Status: http.StatusOK, Body: wire.Encode(object{
		"tenant_discovery_endpoint": c.Base + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []object{{"preferred_network": asked.Host, "preferred_cache": asked.Host, "aliases": []string{asked.Host}}},
	})}
}
