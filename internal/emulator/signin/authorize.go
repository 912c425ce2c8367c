package signin

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"licensegraph/internal/emulator/wire"
)

const (
	codeLifetime = 10 * time.Minute
	// listedUsers is the number of users on the sign-in page. Other users can
	// be entered by name.
	listedUsers = 15
)

// authorize is the authorization endpoint, RFC 6749 section 4.1.1 with RFC
// 7636, see Microsoft Learn, "Microsoft identity platform and OAuth 2.0
// authorization code flow". It requires no password: the page lists users to
// sign in as. A login_hint with a user skips the page, unless prompt requests
// it.
func (e *Entra) authorize(c *wire.Call, tenant string) wire.Answer {
	query := c.RawQuery
	switch c.Method {
	case http.MethodGet:
	case http.MethodPost:
		query = string(c.Body)
	default:
		return e.refuse(c, http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts GET, POST requests. Received a %s request.", c.Method)
	}
	params, err := url.ParseQuery(query)
	twice := false
	for _, values := range params {
		twice = twice || len(values) > 1
	}
	app := e.application(params.Get("client_id"))
	redirect := params.Get("redirect_uri")
	switch { // Errors on a page, not sent to the redirect URI.
	case err != nil || twice || len(query) > wire.MaxURL:
		return e.signInError(c, 9000411, "The request is not valid: a parameter is malformed or repeated.")
	case !e.acceptsUsers(tenant):
		return e.signInError(c, 90002, "Tenant '"+tenant+"' not found.")
	case params.Get("client_id") == "":
		return e.signInError(c, 900144, "The request must contain the following parameter: 'client_id'.")
	case app == nil:
		return e.signInError(c, 700016, "The application was not found in the directory.")
	case redirect == "":
		return e.signInError(c, 900144, "The request must contain the following parameter: 'redirect_uri'.")
	case !e.redirectsTo(app, redirect):
		return e.signInError(c, 50011, "The redirect URI specified in the request does not match the redirect URIs configured for the application.")
	}
	back := func(values url.Values) wire.Answer { return sendBack(params, values) }
	refuse := func(code string, number int, format string, args ...any) wire.Answer {
		r := entraError(c, code, number, format, args...)
		return back(url.Values{"error": {code}, "error_description": {r["error_description"].(string)}, "error_uri": {r["error_uri"].(string)}})
	}
	mode, prompt, challenge := params.Get("response_mode"), params.Get("prompt"), params.Get("code_challenge")
	switch {
	case mode != "" && mode != "query" && mode != "fragment" && mode != "form_post":
		params.Del("response_mode")
		return refuse("invalid_request", 70007, "'%s' is not a supported value of 'response_mode'.", mode)
	case params.Get("response_type") == "":
		return refuse("invalid_request", 900144, "The request must contain the following parameter: 'response_type'.")
	case params.Get("response_type") != "code":
		return refuse("unsupported_response_type", 700051, "response_type '%s' is not enabled for the application.", params.Get("response_type"))
	case params.Get("scope") == "":
		return refuse("invalid_request", 900144, "The request must contain the following parameter: 'scope'.")
	case app.public && challenge == "":
		return refuse("invalid_request", 9002325, "Proof Key for Code Exchange is required for cross-origin authorization code redemption.")
	case challenge != "" && !verifierShape.MatchString(challenge):
		return refuse("invalid_request", 501491, "Invalid size of Code_Challenge parameter.")
	case challenge == "" && params.Get("code_challenge_method") != "", challenge != "" && !isChallengeMethod(params.Get("code_challenge_method")):
		return refuse("invalid_request", 501491, "Invalid code_challenge_method.")
	case prompt != "" && prompt != "none" && prompt != "login" && prompt != "consent" && prompt != "select_account":
		return refuse("invalid_request", 90023, "Unsupported 'prompt' value.")
	}
	if _, refused := e.askedScopes(c, params.Get("scope")); refused != nil {
		return back(answerAsForm(*refused))
	}
	if prompt == "none" {
		return refuse("login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
	}
	hint := params.Get("login_hint")
	if hint == "" || prompt != "" && prompt != "consent" && params.Get("chosen") == "" {
		return e.choose(c, params, "")
	}
	p, refused := e.signInAs(c, hint)
	if refused != nil {
		return e.choose(c, params, "No user with this name can sign in here.")
	}
	values := url.Values{"code": {e.sealConsent(consent{
		Kind: codeKind, Client: app.id, Person: p.ID, Scope: params.Get("scope"), Made: c.Date.UnixMilli(), Ends: c.Date.Add(codeLifetime).Unix(),
		SinglePage: e.isSinglePage(redirect), Redirect: redirect, Nonce: params.Get("nonce"), Challenge: challenge, Method: cmp.Or(params.Get("code_challenge_method"), "plain"),
	})}, "session_state": {e.pairwise(p.ID, "session")[:22]}}
	if params.Get("client_info") == "1" {
		values.Set("client_info", e.clientInfo(&p))
	}
	return back(values)
}

var verifierShape = regexp.MustCompile(`^[A-Za-z0-9._~-]{43,128}$`) // RFC 7636 section 4.1

func isChallengeMethod(method string) bool {
	return method == "" || method == "plain" || method == "S256"
}

// redeemCode redeems an authorization code, RFC 6749 section 4.1.3.
func (e *Entra) redeemCode(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	for _, name := range []string{"code", "redirect_uri"} {
		if form.Get(name) == "" {
			return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
		}
	}
	refuse := func(number int, format string, args ...any) wire.Answer {
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", number, format, args...)
	}
	g, ok := e.openConsent(codeKind, form.Get("code"))
	verifier := form.Get("code_verifier")
	switch {
	case !ok:
		return refuse(9002313, "Invalid request. Request is malformed or invalid.")
	case g.Client != app.id:
		return refuse(700005, "The provided authorization code was issued to another client.")
	case c.Date.Unix() >= g.Ends:
		return refuse(70008, "The provided authorization code or refresh token has expired due to inactivity.")
	case time.UnixMilli(g.Made).Before(e.Revoked(g.Person).Truncate(time.Millisecond)):
		return refuse(50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed.")
	case g.Redirect != form.Get("redirect_uri"):
		return refuse(500112, "The reply address '%s' does not match the reply address provided when requesting Authorization code.", form.Get("redirect_uri"))
	case g.Challenge == "" && verifier != "":
		return refuse(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	case g.Challenge != "" && verifier == "":
		return refuse(50148, "A code_verifier is missing for PKCE.")
	case g.Challenge != "" && !proves(verifier, g.Challenge, g.Method):
		return refuse(501481, "The Code_Verifier does not match the code_challenge supplied in the authorization request.")
	}
	if refused := e.crossOrigin(c, g); refused != nil {
		return *refused
	}
	if e.codes.use(wire.Digest(form.Get("code")), c.RequestID, c.Date, time.Unix(g.Ends, 0)) != c.RequestID {
		return refuse(54005, "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token.")
	}
	p, refused := e.signInAs(c, g.Person)
	if refused != nil {
		return *refused
	}
	asked, refused := e.askedScopes(c, cmp.Or(form.Get("scope"), g.Scope))
	if refused != nil {
		return *refused
	}
	return e.personal(c, form, app, acr, &p, asked, g)
}

// crossOrigin rejects grants of single-page applications outside of browsers,
// and other grants inside of browsers.
func (e *Entra) crossOrigin(c *wire.Call, g consent) *wire.Answer {
	var a wire.Answer
	switch browser := c.Header.Get("Origin") != ""; {
	case browser && !g.SinglePage:
		a = e.refuse(c, http.StatusBadRequest, "invalid_request", 9002326, "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type.")
	case !browser && g.SinglePage:
		a = e.refuse(c, http.StatusBadRequest, "invalid_request", 9002327, "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.")
	default:
		return nil
	}
	return &a
}

// proves reports whether the verifier matches the challenge, RFC 7636 section
// 4.6.
func proves(verifier, challenge, method string) bool {
	if !verifierShape.MatchString(verifier) {
		return false
	}
	if method == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return subtle.ConstantTimeCompare([]byte(verifier), []byte(challenge)) == 1
}

// signOut has no effect except the redirect: there is no session.
func (e *Entra) signOut(c *wire.Call) wire.Answer {
	query, _ := url.ParseQuery(c.RawQuery)
	if to := query.Get("post_logout_redirect_uri"); to != "" && e.redirectsTo(e.publicClient(), to) {
		params := url.Values{"redirect_uri": {to}, "state": {query.Get("state")}}
		return sendBack(params, url.Values{})
	}
	return page{Title: "Signed out"}.answer(http.StatusOK, "")
}
