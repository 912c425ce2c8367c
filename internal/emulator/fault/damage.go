package fault

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/wire"
)

// edit changes the body of an answer: first its JSON, then its bytes. For an
// answer without a body, such as 204, damage closes the connection.
func (h *hit) edit(c *wire.Call, a *wire.Answer) {
	if h.Page != "" || len(h.Omit)+len(h.Set)+len(h.Add) > 0 {
		h.editJSON(c, a)
	}
	if h.Damage != "" && len(a.Body) == 0 { // without a body, only the connection can be damaged
		a.Cut = true
		if h.Damage == "stalled" {
			a.Stall = cmp.Or(h.Stall, time.Minute)
		}
		return
	}
	switch h.Damage {
	case "truncated":
		a.Body = a.Body[:len(a.Body)/2]
	case "malformed":
		at := bytes.IndexAny(a.Body, "{[") + 1
		a.Body = slices.Concat(a.Body[:at], []byte("{,"), a.Body[at:])
	case "cut", "stalled":
		a.Damage, a.Stall = h.Damage, cmp.Or(h.Stall, time.Minute)
	}
}

func (h *hit) editJSON(c *wire.Call, a *wire.Answer) {
	body, ok := parseJSON(a.Body)
	if !ok {
		return
	}
	list, _ := body.(map[string]any)
	if items, isList := list["value"].([]any); isList && a.Status < 300 {
		self := c.Root() + "/" + c.Path
		if c.RawQuery != "" {
			self += "?" + strings.ReplaceAll(c.RawQuery, " ", "%20") // the URL of a part can have unescaped spaces
		}
		switch h.Page {
		case "duplicate":
			list["@odata.nextLink"] = self
		case "empty":
			list["@odata.nextLink"] = self
			list["value"] = items[:0]
		}
	}
	a.Body = wire.Encode(h.alter(body))
}

// alter removes, changes and adds properties at any depth.
func (h *hit) alter(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = h.alter(v[i])
		}
	case map[string]any:
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

// parseJSON parses one value. It keeps the format of numbers.
func parseJSON(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, err == io.EOF
}
