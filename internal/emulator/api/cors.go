package api

import (
	"net/http"

	"licensegraph/internal/emulator/wire"
)

// preflight answers the preflight request of a browser, see Fetch Standard,
// "CORS-preflight request". Graph allows all origins, because the token
// authorizes the request.
func preflight(c *wire.Call) (wire.Answer, bool) {
	asked := c.Header.Get("Access-Control-Request-Method")
	if c.Method != http.MethodOptions || c.Header.Get("Origin") == "" || asked == "" {
		return wire.Answer{}, false
	}
	a := wire.Answer{Status: http.StatusOK, Plain: true}
	a.Set("Access-Control-Allow-Methods", asked)
	if names := c.Header.Get("Access-Control-Request-Headers"); names != "" {
		a.Set("Access-Control-Allow-Headers", names)
	}
	a.Set("Access-Control-Max-Age", "3600")
	return a, true
}
