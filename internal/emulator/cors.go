package emulator

import "net/http"

// exposed are the headers that Graph lets web pages read, as seen on the wire.
const exposed = "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, ReadWriteConsistencyToken, Retry-After, SdkVersion, WWW-Authenticate, x-ms-client-gcc-tenant"

// preflight answers the question that a browser asks before a page's request,
// Fetch Standard, "CORS-preflight request". Graph lets all origins in: what
// protects it is the token.
func (c *call) preflight() (answer, bool) {
	asked := c.header.Get("Access-Control-Request-Method")
	if c.method != http.MethodOptions || c.header.Get("Origin") == "" || asked == "" {
		return answer{}, false
	}
	a := answer{status: http.StatusOK, plain: true}
	a.set("Access-Control-Allow-Methods", asked)
	if names := c.header.Get("Access-Control-Request-Headers"); names != "" {
		a.set("Access-Control-Allow-Headers", names)
	}
	a.set("Access-Control-Max-Age", "3600")
	return a, true
}
