package signin

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

const onBehalfOfGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// onBehalfOf exchanges a user's token for the application for a token for
// Graph, RFC 7523 section 2.1, see Microsoft Learn, "Microsoft identity
// platform and OAuth 2.0 On-Behalf-Of flow".
func (e *Entra) onBehalfOf(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	if app.public {
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
	for _, name := range []string{"scope", "assertion", "requested_token_use"} {
		if form.Get(name) == "" {
			return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
		}
	}
	if use := form.Get("requested_token_use"); use != "on_behalf_of" {
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 90100, "The parameter 'requested_token_use' is not valid: '%s'.", use)
	}
	p, refused := e.asserted(c, form.Get("assertion"))
	if refused != nil {
		return *refused
	}
	asked, refused := e.askedScopes(c, form.Get("scope"))
	switch {
	case refused != nil:
		return *refused
	case asked.audience == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	}
	if refused := e.interaction(c); refused != nil {
		return *refused
	}
	return e.personal(c, form, app, acr, &p, asked, consent{})
}

// asserted returns the user of the assertion.
func (e *Entra) asserted(c *wire.Call, assertion string) (access.Person, *wire.Answer) {
	refuse := func(number int, format string, args ...any) (access.Person, *wire.Answer) {
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", number, format, args...)
		return access.Person{}, &a
	}
	got, err := e.Verify(assertion)
	switch {
	case errors.Is(err, jwt.ErrTokenExpired), errors.Is(err, jwt.ErrTokenNotValidYet):
		return refuse(500133, "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for user assertion, or request a new token.")
	case err != nil:
		return refuse(50013, "Assertion failed signature validation.")
	case len(got.Audience) != 1 || got.Audience[0] != e.clientID:
		return refuse(50013, "Assertion audience does not match the Client app presenting the assertion.")
	case got.Tenant != e.id:
		return refuse(50013, "Assertion is of another tenant.")
	case got.Scopes == "":
		return refuse(7000114, "Application '%s' is not allowed to make application on-behalf-of calls.", e.clientID)
	}
	if _, ok := tenant.ParseGUID(got.Object); !ok {
		return refuse(50034, "The user account %s does not exist in the directory.", got.Object)
	}
	return e.signInAs(c, got.Object)
}

// interaction returns an error that requires an action of the user, with a
// claims challenge.
func (e *Entra) interaction(c *wire.Call) *wire.Answer {
	var body object
	switch c.Variants.OnBehalfOf {
	case "mfa":
		body = entraError(c, "interaction_required", 50076, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '%s'.", access.Worldwide)
	case "enroll":
		body = entraError(c, "interaction_required", 50079, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multifactor authentication to access '%s'.", access.Worldwide)
	case "policy":
		body = entraError(c, "interaction_required", 53003, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.")
	case "consent":
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", 65001, "The user or administrator has not consented to use the application with ID '%s'.", e.clientID)
		return &a
	default:
		return nil
	}
	policy := e.seed.GUID("conditional access policy", 0).String()
	body["claims"] = string(wire.Encode(object{"access_token": object{"polids": object{"essential": true, "values": []string{policy}}}}))
	return &wire.Answer{Status: http.StatusBadRequest, Body: wire.Encode(body)}
}

// person returns a user by object ID or user principal name, ignoring case.
func (e *Entra) person(name string) (p access.Person, ok bool) {
	e.store.Read(func(t *tenant.Tenant) { p, ok = access.Find(t, name) })
	return p, ok
}
