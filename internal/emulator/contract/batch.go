package contract

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

// partHeaders are the headers of parts.
var partHeaders = []string{
	"Cache-Control", "Content-Type", "OData-Version", "Location", "Retry-After", "WWW-Authenticate",
	"x-ms-resource-unit", "x-ms-throttle-information", "x-ms-throttle-limit-percentage", "x-ms-throttle-scope",
}

// batch checks the response of each part against its request.
func (c *checker) batch(o object) {
	var asked struct {
		Requests []struct {
			ID      string            `json:"id"`
			Method  string            `json:"method"`
			URL     string            `json:"url"`
			Headers map[string]string `json:"headers"`
			Body    json.RawMessage   `json:"body"`
		} `json:"requests"`
	}
	if err := json.Unmarshal(c.Request, &asked); err != nil {
		c.complain("an invalid batch was answered: %v", err)
		return
	}
	places := map[string]int{}
	for i, r := range asked.Requests {
		places[r.ID] = i
	}
	c.only(o, "responses")
	c.in("responses", func() {
		c.items(o["responses"], func(item any) {
			o, ok := item.(object)
			if !ok {
				c.complain("it is %s, not an object", kindOf(item))
				return
			}
			c.only(o, "id", "status", "headers", "body")
			id, _ := o["id"].(string)
			i, known := places[id]
			if !known {
				c.complain("id %s is unknown or repeated", kindOf(o["id"]))
				return
			}
			delete(places, id)
			if c.Skip != nil && c.Skip(id) {
				return
			}
			r := asked.Requests[i]
			part := &checker{Exchange: c.Exchange, model: c.model, part: true, place: c.place, index: c.index}
			part.Method, part.Request, part.Header = strings.ToUpper(r.Method), r.Body, http.Header{}
			part.RequestHeader = http.Header{}
			part.URL = "/" + c.version + "/" + strings.TrimPrefix(r.URL, "/")
			for name, value := range r.Headers {
				part.RequestHeader.Set(name, value)
				if strings.EqualFold(name, "Authorization") {
					part.Permissions = nil
				}
			}
			n, _ := o["status"].(number)
			part.Status = int(n)
			if part.Status < 100 {
				c.complain("status is %s", kindOf(o["status"]))
				return
			}
			headers, _ := o["headers"].(object)
			for name, v := range headers {
				text, ok := v.(string)
				if !ok {
					c.complain("the header %s is %s", name, kindOf(v))
				}
				if !slices.ContainsFunc(partHeaders, func(known string) bool { return strings.EqualFold(known, name) }) {
					c.complain("unknown header %s", name)
				}
				part.Header.Set(name, text)
			}
			body, has := o["body"]
			has = has && body != nil
			part.found = c.found
			part.graphHeaders(part.Header, has)
			part.push(part.Method + " " + shortened(part.URL))
			part.answer(body, has)
			part.pop()
			c.found = part.found
		})
	})
	for id := range places {
		c.complain("the part %q has no response", id)
	}
}
