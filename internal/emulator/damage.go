package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// edit changes the body of an answer: first what its JSON says, then the bytes. An
// answer without a body, such as 204, has no bytes: damage takes the connection.
func (h *hit) edit(c *call, a *answer) {
	if h.Page != "" || len(h.Omit)+len(h.Set)+len(h.Add) > 0 {
		h.editJSON(c, a)
	}
	if h.Damage != "" && len(a.body) == 0 { // There is nothing but the connection.
		a.cut = true
		if h.Damage == "stalled" {
			a.stall = cmp.Or(h.Stall, time.Minute)
		}
		return
	}
	switch h.Damage {
	case "truncated":
		a.body = a.body[:len(a.body)/2]
	case "malformed":
		at := bytes.IndexAny(a.body, "{[") + 1
		a.body = slices.Concat(a.body[:at], []byte("{,"), a.body[at:])
	case "cut", "stalled":
		a.damage, a.stall = h.Damage, cmp.Or(h.Stall, time.Minute)
	}
}

func (h *hit) editJSON(c *call, a *answer) {
	body, ok := parseJSON(a.body)
	if !ok {
		return
	}
	list, _ := body.(object)
	if items, isList := list["value"].([]any); isList && a.status < 300 {
		self := c.root() + "/" + c.path
		if c.rawQuery != "" {
			self += "?" + strings.ReplaceAll(c.rawQuery, " ", "%20") // Blanks can be raw in a part's url.
		}
		switch h.Page {
		case "duplicate":
			list["@odata.nextLink"] = self
		case "empty":
			list["@odata.nextLink"] = self
			list["value"] = items[:0]
		}
	}
	a.body = encode(h.alter(body))
}

// alter leaves out, changes and adds properties at any depth.
func (h *hit) alter(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = h.alter(v[i])
		}
	case object:
		_, entity := v["id"].(string)
		for _, name := range slices.Collect(maps.Keys(v)) {
			if slices.Contains(h.Omit, name) {
				delete(v, name)
			} else if other, ok := h.Set[name]; ok {
				v[name] = other
			} else {
				v[name] = h.alter(v[name])
			}
		}
		if entity {
			maps.Copy(v, h.Add)
		}
	}
	return v
}

// parseJSON reads one value, with its numbers as they are written.
func parseJSON(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}

// abandon sends half of the body as if the rest would follow. Then it cuts the
// connection, after waiting if the answer is to stall.
func (a *answer) abandon(w http.ResponseWriter, c *call) {
	_, _ = w.Write(a.body[:len(a.body)/2]) // Nobody is left to tell.
	_ = http.NewResponseController(w).Flush()
	if a.damage == "stalled" {
		_ = sleep(c.ctx, a.stall) // Either way the connection ends.
	}
	panic(http.ErrAbortHandler)
}
