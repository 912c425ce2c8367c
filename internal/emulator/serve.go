package emulator

import (
	"net/http"
	"strings"

	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/wire"
)

// newCall parses a request except its body.
func (e *Emulator) newCall(r *http.Request) *wire.Call {
	c := &wire.Call{
		Ctx:      r.Context(),
		Variants: e.variants.Load(),
		Base:     wire.Origin(r),
		Method:   r.Method,
		RawQuery: r.URL.RawQuery,
		Header:   r.Header,
		Date:     e.clock.Now(),
		Label:    wire.Other,
	}
	c.RequestID = e.seed.GUID("request", int(e.answers.Add(1))).String()
	c.ClientRequestID = c.RequestID
	if id := r.Header.Get("client-request-id"); id != "" && len(id) <= 128 {
		c.ClientRequestID = id
	}
	return c
}

// answer reads the body, and answers as the page at the root, a file of a
// report, Entra or Graph.
func (e *Emulator) answer(c *wire.Call, r *http.Request) wire.Answer {
	body, problem := wire.ReadBody(r)
	c.Body = body
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if first == "" && rest == "" {
		return e.frontPage(c)
	}
	if strings.HasPrefix(first+"/"+rest, api.DownloadPath+"/") {
		return e.graph.Download(c, r.URL.RequestURI())
	}
	if first != "beta" && first != "v1.0" {
		return e.entra.Answer(c, first, rest)
	}
	c.Version, c.Path = first, rest
	return e.graph.Answer(c, r.URL.RequestURI(), problem)
}
