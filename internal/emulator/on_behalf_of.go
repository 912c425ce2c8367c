package emulator

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const (
	onBehalfOfGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	signIn          = "https://login.microsoftonline.com"
)

// signInScopes are those of no resource.
var signInScopes = []string{"openid", "offline_access", "profile", "email"}

func personClaims(audience, userID string, scopes []string) jwt.MapClaims {
	return jwt.MapClaims{"aud": audience, "oid": userID, "sub": userID, "scp": strings.Join(scopes, " ")}
}

// userToken is a token to the application itself, as another one gets it that
// people sign in to.
func (e *Emulator) userToken(base, userID string, scopes []string) string {
	c := &call{base: base, date: e.now(), requestID: e.dice.GUID("user token", 0).String()}
	all := personClaims(e.clientID, userID, scopes)
	all["appid"], all["azp"], all["azpacr"] = nil, e.dice.GUID("front end", 0).String(), "0"
	return e.sign(c, all)
}

// onBehalfOf exchanges the token with which a person called the application for
// one to Graph, RFC 7523 section 2.1 in the way of Microsoft Learn, "Microsoft
// identity platform and OAuth 2.0 On-Behalf-Of flow".
func (e *Emulator) onBehalfOf(c *call, form url.Values) answer {
	for _, name := range []string{"assertion", "requested_token_use"} {
		if form.Get(name) == "" {
			return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
		}
	}
	if use := form.Get("requested_token_use"); use != "on_behalf_of" {
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 90100, "The parameter 'requested_token_use' is not valid: '%s'.", use)
	}
	person, refused := e.asserted(c, form.Get("assertion"))
	if refused != nil {
		return *refused
	}
	audience, scopes, refused := e.delegatedScopes(c, form.Get("scope"))
	if refused != nil {
		return *refused
	}
	if refused := e.interaction(c); refused != nil {
		return *refused
	}
	body := object{
		"token_type":     "Bearer",
		"scope":          audience + "/" + strings.Join(scopes, " "+audience+"/"),
		"expires_in":     int(tokenLifetime.Seconds()),
		"ext_expires_in": int(tokenLifetime.Seconds()),
		"access_token":   e.sign(c, personClaims(audience, person, scopes)),
	}
	if slices.Contains(strings.Fields(form.Get("scope")), "offline_access") {
		body["refresh_token"] = e.dice.LongID("refresh token "+c.requestID, 0) // The grant that takes it is not served.
	}
	return answer{status: http.StatusOK, header: map[string]string{"Cache-Control": "no-store"}, body: encode(body)}
}

// asserted is the person whose token the assertion is.
func (e *Emulator) asserted(c *call, assertion string) (string, *answer) {
	refuse := func(number int, format string, args ...any) (string, *answer) {
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", number, format, args...)
		return "", &a
	}
	got, err := e.verify(assertion)
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
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, isID := parseGUID(got.Object)
	i, ok := e.tenant.FindUser(got.Object)
	switch ok = ok && isID; {
	case !ok:
		return refuse(50034, "The user account %s does not exist in the directory.", got.Object)
	case !e.tenant.User(i).Enabled():
		return refuse(50057, "The user account is disabled.")
	}
	return e.tenant.User(i).ID().String(), nil
}

// delegatedScopes reads what is asked for: permissions of one resource by name,
// or all that were consented to. Names are compared without regard to case.
func (e *Emulator) delegatedScopes(c *call, scope string) (audience string, scopes []string, refused *answer) {
	refuse := func(code string, number int, format string, args ...any) (string, []string, *answer) {
		a := e.refuse(c, http.StatusBadRequest, code, number, format, args...)
		return "", nil, &a
	}
	all := false
	for _, asked := range strings.Fields(scope) {
		if slices.Contains(signInScopes, asked) {
			continue
		}
		resource, name := worldwide, asked // Without a resource it is Graph's.
		if at := strings.LastIndexByte(asked, '/'); at >= 0 {
			resource, name = asked[:at], asked[at+1:]
		}
		same := func(permission string) bool { return strings.EqualFold(permission, name) }
		at := slices.IndexFunc(defaultScopes, same)
		switch {
		case resource != c.base && resource != worldwide:
			return refuse("invalid_resource", 500011, "The resource principal named %s was not found in the tenant.", resource)
		case audience != "" && resource != audience:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: more than one resource.")
		case all || name == ".default" && scopes != nil:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: .default scope can't be combined with resource-specific scopes.")
		case name == ".default":
			all = true
		case at >= 0:
			if !slices.Contains(scopes, defaultScopes[at]) {
				scopes = append(scopes, defaultScopes[at])
			}
		case slices.ContainsFunc(routes, func(r route) bool { return slices.ContainsFunc(r.scopes, same) }):
			return refuse("invalid_grant", 65001, "The user or administrator has not consented to use the application with ID '%s' and the scope %s.", e.clientID, asked)
		default:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid. The scope %s does not exist.", asked)
		}
		audience = resource
	}
	switch {
	case audience == "":
		return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	case all:
		scopes = defaultScopes
	}
	return audience, scopes, nil
}

// interaction refuses what only the person can make possible, and says what to
// ask the person for.
func (e *Emulator) interaction(c *call) *answer {
	var body object
	switch c.variants.OnBehalfOf {
	case "mfa":
		body = c.refusal("interaction_required", 50076, "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '%s'.", worldwide)
	case "enroll":
		body = c.refusal("interaction_required", 50079, "Due to a configuration change made by your administrator, or because you moved to a new location, you must enroll in multifactor authentication to access '%s'.", worldwide)
	case "policy":
		body = c.refusal("interaction_required", 53003, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.")
	case "consent":
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", 65001, "The user or administrator has not consented to use the application with ID '%s'.", e.clientID)
		return &a
	default:
		return nil
	}
	policy := e.dice.GUID("conditional access policy", 0).String()
	body["claims"] = string(encode(object{"access_token": object{"polids": object{"essential": true, "values": []string{policy}}}}))
	return &answer{status: http.StatusBadRequest, body: encode(body)}
}
