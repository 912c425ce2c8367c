package emulator

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
)

const (
	maxParts    = 20
	maxRunning  = 4 // parts of one batch at the same time
	batchPrefix = "Invalid batch payload format: "
)

// part is a request of a batch, by Microsoft Learn, "Combine multiple HTTP
// requests using JSON batching".
type part struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`

	after []int // places of the parts named in DependsOn
	body  []byte
	done  chan struct{} // closed when answer is set
	answer
}

type partAnswer struct {
	ID      string            `json:"id"`
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers"`
	Body    json.RawMessage   `json:"body,omitempty"`
}

// rawPart is what stands in place of a body, by Variants.RawParts.
const rawPart = `<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>502</h1></body></html>`

// batch answers 200 as soon as the batch can be read, whatever its parts do.
func (e *Emulator) batch(c *call) (any, *problem) {
	if c.part {
		return nil, notParsed(batchPrefix + "a batch cannot be part of a batch.")
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
				if parts[j].status >= 400 || parts[j].cut {
					me.answer = (&problem{status: http.StatusFailedDependency, code: "FailedDependency",
						message: "The request depends on another request that failed."}).answer(c)
					return
				}
			}
			running <- struct{}{}
			defer func() { <-running }()
			me.answer = e.answerPart(c, me)
		})
	}
	wg.Wait()

	order := rand.New(rand.NewPCG(uint64(e.dice), e.dice.Roll(c.requestID, len(parts)))).Perm(len(parts))
	if slices.IsSorted(order) {
		slices.Reverse(order)
	}
	responses := make([]partAnswer, 0, len(parts))
	whole := answer{status: http.StatusOK}
	for _, i := range order {
		me := &parts[i]
		if me.damage != "" { // The connection is that of all parts.
			whole.damage, whole.stall = me.damage, me.stall
		}
		if me.faulty {
			whole.faultyParts = append(whole.faultyParts, me.ID)
		}
		if me.cut {
			return answer{cut: true, stall: me.stall}, nil
		}
		out := partAnswer{me.ID, me.status, me.headers(), me.answer.body}
		if out.Body != nil && !json.Valid(out.Body) {
			out.Body = encode(string(out.Body)) // What is not JSON travels as text.
		}
		responses = append(responses, out)
	}
	whole.body = encode(object{"responses": responses})
	if f := c.variants.RawParts; f > 0 {
		if n := float64(e.batches.Add(1)); int(n*f) > int((n-1)*f) {
			first := slices.IndexFunc(responses, func(r partAnswer) bool { return r.Body != nil })
			if first >= 0 {
				body := encode(responses[first].Body)
				whole.body = bytes.Replace(whole.body, append([]byte(`"body":`), body...), append([]byte(`"body":`), rawPart...), 1)
				whole.faulty = true
			}
		}
	}
	return whole, nil
}

// parts reads and checks the payload.
func (c *call) parts() ([]part, *problem) {
	var payload struct {
		Requests []part `json:"requests"`
	}
	if err := json.Unmarshal(c.body, &payload); err != nil {
		return nil, notParsed(batchPrefix + "the body is not a JSON object with an array of requests.")
	}
	parts := payload.Requests
	switch {
	case len(parts) == 0:
		return nil, notParsed(batchPrefix + "there are no requests.")
	case len(parts) > maxParts:
		return nil, &problem{status: http.StatusBadRequest, code: "MaximumValueExceeded", message: "Number of batch request steps exceeds the maximum value of 20."}
	}
	places := map[string]int{} // by id in lower case
	for i := range parts {
		me := &parts[i]
		id := strings.ToLower(me.ID)
		if _, twice := places[id]; twice || id == "" {
			return nil, notParsed(batchPrefix+"request id '%s' is missing or used twice.", me.ID)
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
				return nil, notParsed(batchPrefix+"request '%s' depends on '%s', which is not in the batch.", parts[i].ID, id)
			}
			parts[i].after = append(parts[i].after, j)
		}
	}
	if circular(parts) {
		return nil, notParsed(batchPrefix + "the requests depend on each other in a circle.")
	}
	return parts, nil
}

func (p *part) check() *problem {
	switch {
	case p.Method == "":
		return notParsed(batchPrefix+"request '%s' has no method.", p.ID)
	case p.URL == "" || strings.Contains(strings.SplitN(p.URL, "?", 2)[0], "://"):
		return notParsed(batchPrefix+"request '%s' has no relative url.", p.ID)
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
		return notParsed("Write request id : %s does not contain Content-Type header or body.", p.ID)
	}
	if len(p.body) > 0 && p.body[0] == '"' {
		var encoded string
		err := json.Unmarshal(p.body, &encoded)
		if err == nil {
			p.body, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(encoded, "="))
		}
		if err != nil {
			return notParsed(batchPrefix+"the body of request '%s' is neither JSON nor base64url.", p.ID)
		}
	}
	return nil
}

// circular takes away, again and again, the parts that wait for nobody.
func circular(parts []part) bool {
	gone := make([]bool, len(parts))
	for range parts {
		for i := range parts {
			gone[i] = gone[i] || !slices.ContainsFunc(parts[i].after, func(j int) bool { return !gone[j] })
		}
	}
	return slices.Contains(gone, false)
}

// answerPart runs one part as if it had come alone, with the batch's version
// and authorization.
func (e *Emulator) answerPart(outer *call, p *part) answer {
	c := &call{
		ctx: outer.ctx, variants: outer.variants, base: outer.base, version: outer.version,
		method: strings.ToUpper(p.Method), header: http.Header{}, body: p.body, part: true,
		requestID: outer.requestID, clientRequestID: outer.clientRequestID, date: outer.date, label: other,
	}
	for name, value := range p.Headers {
		c.header.Set(name, value)
	}
	if c.header.Get("Authorization") == "" {
		c.header.Set("Authorization", outer.header.Get("Authorization"))
		c.verified = outer.verified
	}
	c.path, c.rawQuery, _ = strings.Cut(strings.TrimPrefix(p.URL, "/"), "?")
	// Blanks and the like may be raw in a part's url. A request has no fragment,
	// RFC 9112 section 3.2.
	if u, err := url.Parse("/" + strings.ReplaceAll(c.path, "#", "%23")); err == nil {
		c.path = strings.TrimPrefix(u.EscapedPath(), "/")
	}
	e.find(c)
	uri := "/" + c.version + "/" + strings.TrimPrefix(p.URL, "/")
	real := func() answer { return e.answerGraph(c) }
	var a answer
	if f := e.faults.next(c, uri); f != nil {
		a = f.apply(e, c, real)
	} else {
		a = real()
	}
	e.counts.add(c.label, Count{Parts: 1, ResourceUnits: a.units}, Request{
		Method: c.method, URL: uri, Body: p.body, Part: true, Status: a.status,
	})
	return a
}
