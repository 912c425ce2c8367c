package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"licensegraph/internal/emulator/traffic"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: post, Template: "/$batch", handler: (*Endpoints).batch},
	})
}

const (
	maxParts    = 20
	maxRunning  = 4 // concurrent parts of one batch
	batchPrefix = "Invalid batch payload format: "
)

// part is a request of a batch, see Microsoft Learn, "Combine multiple HTTP
// requests using JSON batching".
type part struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`

	after  []int // indexes of the parts in DependsOn
	body   []byte
	done   chan struct{} // closed after answer is set
	answer wire.Answer
}

// appendPart appends the answer to a part of a batch.
func appendPart(b []byte, id string, a *wire.Answer) []byte {
	b = wire.Append(append(b, `{"id":`...), id)
	b = wire.Append(append(b, `,"status":`...), a.Status)
	b = wire.Append(append(b, `,"headers":`...), a.Headers())
	if a.Body != nil {
		b = append(append(b, bodyName...), jsonBody(a)...)
	}
	return append(b, '}')
}

const bodyName = `,"body":`

// jsonBody returns the body of a part. A body that is not JSON is sent as a
// string.
func jsonBody(a *wire.Answer) []byte {
	if json.Valid(a.Body) {
		return a.Body
	}
	return wire.Encode(string(a.Body))
}

// rawPart replaces the body of a part, see Variants.RawParts.
const rawPart = `<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>`

// batch answers 200 for a valid batch, even if parts fail.
func (e *Endpoints) batch(c *call) (any, *wire.Problem) {
	if c.Part {
		return nil, wire.NotParsed(batchPrefix + "a batch cannot be part of a batch.")
	}
	parts, p := c.parts()
	if p != nil {
		return nil, p
	}
	var wg sync.WaitGroup
	running := make(chan struct{}, maxRunning)
	for i := range parts {
		wg.Go(func() {
			me := &parts[i]
			defer close(me.done)
			for _, j := range me.after {
				<-parts[j].done
				if parts[j].answer.Status >= 400 || parts[j].answer.Cut {
					me.answer = (&wire.Problem{Status: http.StatusFailedDependency, Code: "FailedDependency",
						Message: "The request depends on another request that failed."}).Answer(c.Call)
					return
				}
			}
			running <- struct{}{}
			defer func() { <-running }()
			me.answer = e.answerPart(c, me)
		})
	}
	wg.Wait()

	order := rand.New(rand.NewPCG(uint64(e.seed), e.seed.Number(c.RequestID, len(parts)))).Perm(len(parts))
	if slices.IsSorted(order) {
		slices.Reverse(order)
	}
	whole := wire.Answer{Status: http.StatusOK, Body: []byte(`{"responses":[`)}
	var first []byte // the first body of a part
	for n, i := range order {
		me := &parts[i]
		if me.answer.Damage != "" { // All parts share the connection.
			whole.Damage, whole.Stall = me.answer.Damage, me.answer.Stall
		}
		if me.answer.Faulty {
			whole.FaultyParts = append(whole.FaultyParts, me.ID)
		}
		if me.answer.Cut {
			return wire.Answer{Cut: true, Stall: me.answer.Stall}, nil
		}
		if n > 0 {
			whole.Body = append(whole.Body, ',')
		}
		whole.Body = appendPart(whole.Body, me.ID, &me.answer)
		if first == nil {
			first = me.answer.Body
		}
	}
	whole.Body = append(whole.Body, "]}"...)
	if f := c.Variants.RawParts; f > 0 && first != nil {
		if n := float64(e.batches.Add(1)); int(n*f) > int((n-1)*f) {
			whole.Body = bytes.Replace(whole.Body, append([]byte(bodyName), first...), []byte(bodyName+rawPart), 1)
			whole.Faulty = true
		}
	}
	return whole, nil
}

// parts parses and validates the payload.
func (c *call) parts() ([]part, *wire.Problem) {
	var payload struct {
		Requests []part `json:"requests"`
	}
	if err := json.Unmarshal(c.Body, &payload); err != nil {
		return nil, wire.NotParsed(batchPrefix + "the body is not a JSON object with an array of requests.")
	}
	parts := payload.Requests
	switch {
	case len(parts) == 0:
		return nil, wire.NotParsed(batchPrefix + "there are no requests.")
	case len(parts) > maxParts:
		return nil, &wire.Problem{Status: http.StatusBadRequest, Code: "MaximumValueExceeded", Message: "Number of batch request steps exceeds the maximum value of 20."}
	}
	places := map[string]int{} // by ID in lower case
	for i := range parts {
		me := &parts[i]
		id := strings.ToLower(me.ID)
		if _, twice := places[id]; twice || id == "" {
			return nil, wire.NotParsed(batchPrefix+"request id '%s' is missing or used twice.", me.ID)
		}
		places[id] = i
		me.done = make(chan struct{})
		if p := me.check(); p != nil {
			return nil, p
		}
	}
	for i := range parts {
		for _, id := range parts[i].DependsOn {
			j, ok := places[strings.ToLower(id)]
			if !ok {
				return nil, wire.NotParsed(batchPrefix+"request '%s' depends on '%s', which is not in the batch.", parts[i].ID, id)
			}
			parts[i].after = append(parts[i].after, j)
		}
	}
	if circular(parts) {
		return nil, wire.NotParsed(batchPrefix + "the requests depend on each other in a circle.")
	}
	return parts, nil
}

func (p *part) check() *wire.Problem {
	switch {
	case p.Method == "":
		return wire.NotParsed(batchPrefix+"request '%s' has no method.", p.ID)
	case p.URL == "" || strings.Contains(strings.SplitN(p.URL, "?", 2)[0], "://"):
		return wire.NotParsed(batchPrefix+"request '%s' has no relative url.", p.ID)
	}
	contentType := ""
	for name, value := range p.Headers {
		if strings.EqualFold(name, "Content-Type") {
			contentType = value
		}
	}
	p.body = p.Body
	if bytes.Equal(p.Body, []byte("null")) {
		p.body = nil
	}
	writes := slices.Contains([]string{"POST", "PUT", "PATCH"}, strings.ToUpper(p.Method))
	if (writes || p.body != nil) && (contentType == "" || p.body == nil) {
		return wire.NotParsed("Write request id : %s does not contain Content-Type header or body.", p.ID)
	}
	if len(p.body) > 0 && p.body[0] == '"' {
		var encoded string
		err := json.Unmarshal(p.body, &encoded)
		if err == nil {
			p.body, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		}
		if err != nil {
			return wire.NotParsed(batchPrefix+"the body of request '%s' is neither JSON nor base64url.", p.ID)
		}
	}
	return nil
}

// circular reports whether parts have circular dependencies: it repeatedly
// removes parts without dependencies.
func circular(parts []part) bool {
	gone := make([]bool, len(parts))
	for range parts {
		for i := range parts {
			gone[i] = gone[i] || !slices.ContainsFunc(parts[i].after, func(j int) bool { return !gone[j] })
		}
	}
	return slices.Contains(gone, false)
}

// answerPart executes one part like a separate request, with the version and
// authorization of the batch.
func (e *Endpoints) answerPart(outer *call, p *part) wire.Answer {
	c := &call{Call: &wire.Call{
		Ctx: outer.Ctx, Variants: outer.Variants, Base: outer.Base, Version: outer.Version,
		Method: strings.ToUpper(p.Method), Header: http.Header{}, Body: p.body, Part: true,
		RequestID: outer.RequestID, ClientRequestID: outer.ClientRequestID, Date: outer.Date, Label: wire.Other,
	}}
	for name, value := range p.Headers {
		c.Header.Set(name, value)
	}
	if c.Header.Get("Authorization") == "" {
		c.Header.Set("Authorization", outer.Header.Get("Authorization"))
		c.verified = outer.verified
	}
	c.Path, c.RawQuery, _ = strings.Cut(strings.TrimPrefix(p.URL, "/"), "?")
	// The URL of a part can contain unescaped characters such as spaces. A
	// request has no fragment, RFC 9112 section 3.2.
	if u, err := url.Parse("/" + strings.ReplaceAll(c.Path, "#", "%23")); err == nil {
		c.Path = strings.TrimPrefix(u.EscapedPath(), "/")
	}
	e.find(c)
	uri := "/" + c.Version + "/" + strings.TrimPrefix(p.URL, "/")
	a := e.answerFaulty(c, uri, func() wire.Answer { return e.answerGraph(c) })
	e.traffic.Add(c.Label, traffic.Count{Parts: 1, ResourceUnits: a.Units}, traffic.Request{
		Method: c.Method, URL: uri, Body: p.body, Part: true, Status: a.Status,
	})
	return a
}
