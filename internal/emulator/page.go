package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// link is what a next link carries: everything that the next page needs.
type link struct {
	Path   string `json:"p"` // version and path it belongs to
	Query  string `json:"q"` // the options of the first page
	Offset int    `json:"o"`
	Real   bool   `json:"r,omitempty"`
}

// seal makes l opaque and safe against edits.
func (e *Emulator) seal(l link) string {
	text := encode(l)
	return base64.RawURLEncoding.EncodeToString(append(e.mac(text), text...))
}

const macSize = 16

func (e *Emulator) mac(text []byte) []byte {
	h := hmac.New(sha256.New, e.linkKey)
	h.Write(text)
	return h.Sum(nil)[:macSize]
}

// resume reads the token of a next link into q. The link is to be followed as
// it is: nothing beside the token, and no other path.
func (e *Emulator) resume(c *call, q *query, allowed option) *problem {
	bad := badRequest("The value of $skiptoken is not valid for this request.")
	if c.route.cloud {
		bad = cloudProblem("invalidQuery")("The value of $skiptoken is not valid for this request.")
	}
	sealed, err := base64.RawURLEncoding.DecodeString(c.query.Get("$skiptoken"))
	if err != nil || len(c.query) != 1 || len(c.query["$skiptoken"]) != 1 || allowed&optTop == 0 {
		return bad
	}
	var l link
	if len(sealed) < macSize || !hmac.Equal(sealed[:macSize], e.mac(sealed[macSize:])) || json.Unmarshal(sealed[macSize:], &l) != nil {
		return bad
	}
	values, err := parseQuery(l.Query)
	if err != nil || l.Path != c.version+"/"+c.path {
		return bad
	}
	c.query = values
	q.raw, q.offset, q.real, q.later = l.Query, l.Offset, l.Real, true
	return nil
}

// page writes one page of a list of n items, with the link to the next.
func (e *Emulator) page(c *call, q *query, context string, size, n int, at func(i int) object) object {
	next := func(offset int, real bool) string { return e.nextLink(c, c.path, q.raw, offset, real) }
	body := object{"@odata.context": c.context(context), "value": []object{}}
	if q.count && !q.later {
		body["@odata.count"] = n
	}
	start := min(q.offset, n)
	if c.variants.EmptyPages && !q.real {
		body["@odata.nextLink"] = next(start, true)
		return body
	}
	end := min(start+size, n)
	items := make([]object, 0, end-start)
	for i := start; i < end; i++ {
		items = append(items, at(i))
	}
	body["value"] = items
	if end < n {
		body["@odata.nextLink"] = next(end, false)
	}
	return body
}

func (e *Emulator) nextLink(c *call, path, raw string, offset int, real bool) string {
	return c.root() + "/" + path + "?$skiptoken=" + e.seal(link{c.version + "/" + path, raw, offset, real})
}

// expandList puts an expanded cloudLicensing collection of n items into o: a
// page of it, with a link to the rest at its own path.
func (e *Emulator) expandList(c *call, o object, x expansion, path string, n int, at func(i int) object) {
	size := min(n, c.cloudPageSize(&query{}))
	list := make([]object, 0, size)
	for i := range size {
		list = append(list, at(i))
	}
	o[x.name] = list
	if size < n && !c.variants.ExpandWithoutLink {
		raw := ""
		if x.sel != nil {
			raw = "$select=" + strings.Join(x.sel, ",")
		}
		o[x.name+"@odata.nextLink"] = e.nextLink(c, path+x.name, raw, size, true)
	}
}

// directoryPageSize is that of users and groups.
func (c *call) directoryPageSize(q *query) int {
	if q.top > 0 {
		return q.top
	}
	return positive(c.variants.DirectoryPageSize, 100)
}

// cloudPageSize is that of cloudLicensing lists: $top beyond it is capped.
func (c *call) cloudPageSize(q *query) int {
	size := positive(c.variants.PageSize, 100)
	if q.top > 0 {
		return min(q.top, size)
	}
	return size
}

func positive(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}
