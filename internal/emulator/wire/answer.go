package wire

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Answer is the answer to a call: over HTTP, or as a part of the answer to a batch.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte // nil: no content
	Units  int    // resource units
	Plain  bool   // not of Graph: no OData
	Cut    bool   // no answer at all

	Permissions []string // of the caller of Graph; nil = the caller is not verified

	Faulty      bool     // a fault made it or changed it
	FaultyParts []string // the same of parts of a batch, by their ids

	Damage string        // how the connection ends in the middle: "cut" or "stalled"; "" = it does not
	Stall  time.Duration // how long "stalled" takes, or what is cut
}

// Set sets a header.
func (a *Answer) Set(name, value string) {
	if a.Header == nil {
		a.Header = map[string]string{}
	}
	a.Header[name] = value
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// Headers returns the headers of the answer, which are the same alone and in a batch.
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

// Write sends the answer over HTTP. A cut connection is a panic with [http.ErrAbortHandler].
func (a *Answer) Write(w http.ResponseWriter, c *Call) {
	if a.Cut {
		_ = Sleep(c.Ctx, a.Stall) // Either way the connection ends.
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
		_, _ = w.Write(a.Body) // After an error there is no connection to report it on.
	}
}

// setGraphHeaders sets the headers of every HTTP answer of Graph, as seen on the wire.
// Strict-Transport-Security is missing for localhost: a browser would apply it to
// every server there.
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

// abandon sends half of the body as if the rest would follow. Then it cuts the
// connection, after waiting if the answer is to stall.
func (a *Answer) abandon(w http.ResponseWriter, c *Call) {
	_, _ = w.Write(a.Body[:len(a.Body)/2]) // After an error there is no connection to report it on.
	_ = http.NewResponseController(w).Flush()
	if a.Damage == "stalled" {
		_ = Sleep(c.Ctx, a.Stall) // Either way the connection ends.
	}
	panic(http.ErrAbortHandler)
}

// exposed are the headers that web pages can read, as seen on the wire.
const exposed = "ETag, Location, Preference-Applied, Content-Range, request-id, client-request-id, ReadWriteConsistencyToken, Retry-After, SdkVersion, WWW-Authenticate, x-ms-client-gcc-tenant"
