package signin

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/emulator/wire"
)

const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	deviceLifetime = 15 * time.Minute
	deviceInterval = 5 * time.Second
	pendingDevices = 1000 // the oldest are dropped
)

// deviceCodes are the pending device sign-ins.
type deviceCodes struct {
	mu      sync.Mutex
	pending []*deviceCode // oldest first
}

type deviceCode struct {
	code, userCode string
	client, scope  string
	ends, polled   time.Time
	person         string // "" until a user approves
}

// startDevice is the device authorization endpoint, RFC 8628 section 3.1.
func (e *Entra) startDevice(c *wire.Call, tenant string) wire.Answer {
	form, refused := e.form(c)
	if refused != nil {
		return *refused
	}
	app := e.application(form.Get("client_id"))
	switch {
	case !e.acceptsUsers(tenant):
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID.", tenant)
	case app == nil:
		return e.refuse(c, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'.", form.Get("client_id"), tenant)
	case !app.public:
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000218, "The application does not allow public client flows.")
	case form.Get("scope") == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
	}
	if _, refused := e.askedScopes(c, form.Get("scope")); refused != nil {
		return *refused
	}
	d := &deviceCode{code: rand.Text(), userCode: rand.Text()[:9], client: app.id, scope: form.Get("scope"), ends: c.Date.Add(deviceLifetime)}
	e.deviceCodes.mu.Lock()
	e.deviceCodes.pending = append(e.deviceCodes.pending, d)
	if n := len(e.deviceCodes.pending) - pendingDevices; n > 0 {
		e.deviceCodes.pending = e.deviceCodes.pending[n:]
	}
	e.deviceCodes.mu.Unlock()
	uri := c.Base + "/common/oauth2/v2.0/deviceauth"
	return tokens(object{
		"device_code":      d.code,
		"user_code":        d.userCode,
		"verification_uri": uri,
		"expires_in":       int(deviceLifetime.Seconds()),
		"interval":         int(deviceInterval.Seconds()),
		"message":          "To sign in, use a web browser to open the page " + uri + " and enter the code " + d.userCode + " to authenticate.",
	})
}

// find returns a pending sign-in. The caller must have the lock.
func (d *deviceCodes) find(is func(*deviceCode) bool) *deviceCode {
	for _, p := range d.pending {
		if is(p) {
			return p
		}
	}
	return nil
}

// approveDevice is the page for device sign-in. With user_code and login_hint
// it approves immediately.
func (e *Entra) approveDevice(c *wire.Call) wire.Answer {
	query := c.RawQuery
	if c.Method == http.MethodPost {
		query = string(c.Body)
	}
	params, _ := url.ParseQuery(query)
	userCode, hint := strings.ToUpper(strings.TrimSpace(params.Get("user_code"))), params.Get("login_hint")
	ask := page{Title: "Enter code", Action: "deviceauth", Method: "post", Button: "Next", Input: &input{"user_code", "Code:"}}
	if userCode == "" {
		return ask.answer(http.StatusOK, "")
	}
	e.deviceCodes.mu.Lock()
	d := e.deviceCodes.find(func(d *deviceCode) bool { return d.userCode == userCode && d.person == "" && c.Date.Before(d.ends) })
	e.deviceCodes.mu.Unlock()
	if d == nil {
		ask.Problem = "That code didn't work. Check the code and try again."
		return ask.answer(http.StatusOK, "")
	}
	p, refused := e.signInAs(c, hint)
	if hint == "" || refused != nil {
		choices := page{Title: "Pick an account", Action: "deviceauth", Method: "post", Button: "Next", Input: &input{"login_hint", "Another user:"}, Hidden: []input{{"user_code", userCode}}}
		if hint != "" {
			choices.Problem = "No user with this name can sign in here."
		}
		for _, user := range e.choices() {
			again := url.Values{"user_code": {userCode}, "login_hint": {user.PrincipalName}}
			choices.People = append(choices.People, choice{"deviceauth?" + again.Encode(), user.Name, detail(&user)})
		}
		return choices.answer(http.StatusOK, "")
	}
	e.deviceCodes.mu.Lock()
	d.person = p.ID
	e.deviceCodes.mu.Unlock()
	return page{Title: "You have signed in on your device"}.answer(http.StatusOK, "")
}

// redeemDevice redeems a device code, RFC 8628 section 3.4.
func (e *Entra) redeemDevice(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	refuse := func(code string, number int, text string) wire.Answer {
		return e.refuse(c, http.StatusBadRequest, code, number, "%s", text)
	}
	if form.Get("device_code") == "" {
		return refuse("invalid_request", 900144, "The request body must contain the following parameter: 'device_code'.")
	}
	e.deviceCodes.mu.Lock()
	defer e.deviceCodes.mu.Unlock()
	d := e.deviceCodes.find(func(d *deviceCode) bool { return d.code == form.Get("device_code") })
	switch {
	case d == nil:
		return refuse("bad_verification_code", 70019, "The device code is not known, or was redeemed already.")
	case d.client != app.id:
		return refuse("invalid_grant", 700005, "The provided device code was issued to another client.")
	case !c.Date.Before(d.ends):
		return refuse("expired_token", 70020, "The provided value for the input parameter 'device_code' is not valid. This device code has expired.")
	case d.person == "" && c.Date.Sub(d.polled) < deviceInterval-time.Second:
		d.polled = c.Date
		return refuse("slow_down", 70018, "The client polls more often than the interval says.")
	case d.person == "":
		d.polled = c.Date
		return refuse("authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. Continue polling.")
	}
	for i, p := range e.deviceCodes.pending {
		if p == d {
			e.deviceCodes.pending = append(e.deviceCodes.pending[:i:i], e.deviceCodes.pending[i+1:]...)
			break
		}
	}
	p, refused := e.signInAs(c, d.person)
	if refused != nil {
		return *refused
	}
	asked, refused := e.askedScopes(c, d.scope)
	if refused != nil {
		return *refused
	}
	return e.personal(c, form, app, acr, &p, asked, consent{})
}
