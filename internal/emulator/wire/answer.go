package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Answer is the answer to a call: an HTTP response, or a part of a batch
// response.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte // nil: no content
	Units  int    // resource units
	Plain  bool   // not a Graph answer, without OData headers
	Cut    bool   // close the connection without an answer

	Permissions []string // of the caller of Graph; nil = no verified caller

	Faulty      bool     // made or changed by a fault
	FaultyParts []string // IDs of parts of a batch made or changed by a fault

	Damage string        // damage to the connection: "cut" or "stalled"; "" = none
	Stall  time.Duration // duration of "stalled"
}

// Set sets a header.
func (a *Answer) Set(name, value string) {
	if a.Header == nil {
		a.Header = map[string]string{}
	}
	a.Header[name] = value
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// Headers returns the headers of the answer, both for HTTP and for a part of a
// batch.
func (a *Answer) Headers() map[string]string {
	h := map[string]string{"Cache-Control": "no-cache"}
	if a.Body != nil {
		h["Content-Type"] = "application/json"
	}
	if a.Status < 300 && !a.Plain {
		h["OData-Version"] = "4.0"
		if a.Body != nil {
			h["Content-Type"] = jsonType
		}
	}
	if a.Units > 0 {
		h["x-ms-resource-unit"] = strconv.Itoa(a.Units)
	}
	for name, value := range a.Header {
		h[name] = value
	}
	return h
}

// Write sends the answer over HTTP. It panics with [http.ErrAbortHandler] to
// close the connection.
func (a *Answer) Write(w http.ResponseWriter, c *Call) {
	if a.Cut {
		_ = Sleep(c.Ctx, a.Stall) // The connection is closed in any case.
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, value := range a.Headers() {
		h.Set(name, value)
	}
	h.Set("request-id", c.RequestID)
	h.Set("client-request-id", c.ClientRequestID)
	h.Set("Date", c.Date.UTC().Format(http.TimeFormat))
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Embedded","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"EMBEDDED"}}`)
	if c.Version != "" {
		c.setGraphHeaders(h)
	}
	zip := a.Damage == "" && len(a.Body) >= minGzip && acceptsGzip(c.Header)
	switch {
	case zip:
		h.Set("Content-Encoding", "gzip")
	case a.Body != nil:
		h.Set("Content-Length", strconv.Itoa(len(a.Body)))
	}
	w.WriteHeader(a.Status)
	switch {
	case a.Damage != "":
		a.abandon(w, c)
	case c.Method == http.MethodHead:
	case zip:
		writeGzip(w, a.Body)
	default:
		_, _ = w.Write(a.Body) // A failed connection cannot report an error.
	}
}

// setGraphHeaders sets the headers of every HTTP answer of Graph, as observed.
// Strict-Transport-Security is missing for localhost, because a browser would
// apply it to every server on localhost.
func (c *Call) setGraphHeaders(h http.Header) {
	h.Set("Vary", "Accept-Encoding")
	if u, err := url.Parse(c.Base); err == nil && u.Scheme == "https" && u.Hostname() != "localhost" && !strings.HasSuffix(u.Hostname(), ".localhost") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if c.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", exposed)
	}
}

// abandon sends half of the body, with the Content-Length of the whole. Then it closes
// the connection, after the delay of "stalled".
func (a *Answer) abandon(w http.ResponseWriter, c *Call) {
	_, _ = w.Write(a.Body[:len(a.Body)/2]) // A failed connection cannot report an error.
	_ = http.NewResponseController(w).Flush()
	if a.Damage == "stalled" {
		_ = Sleep(c.Ctx, a.Stall) // The connection is closed in any case.
	}
	panic(http.ErrAbortHandler)
}

// exposed are the headers that web pages can read, as observed.
const exposed = "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, ReadWriteConsistencyToken, Retry-After, SdkVersion, WWW-Authenticate, x-ms-client-gcc-tenant"
