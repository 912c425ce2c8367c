package api

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/wire"
)

// link is what a next link carries: everything that the next page needs.
type link struct {
	Path  string `json:"p"` // version and path it belongs to
	Query string `json:"q"` // a digest of the options of the first page
	After int64  `json:"a"` // the place of the last item before
	Real  bool   `json:"r,omitempty"`
	Made  int64  `json:"t"` // seconds since 1970
	Epoch int64  `json:"e"` // which tenant it is about, see store.View
}

const (
	// linkLifetime is how long a next link works at least. The service's own is
	// not documented.
	linkLifetime = time.Hour
	// linkTicks is how long the same place has the same link.
	linkTicks = 10 * time.Minute
)

// seal makes l opaque and safe against edits. The nonce follows from the text,
// so that equal answers are equal bytes.
func (e *Endpoints) seal(l any) string {
	text := wire.Encode(l)
	sum := sha256.Sum256(append(slices.Clip(e.linkKey), text...))
	nonce := sum[:e.links.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(e.links.Seal(nonce, nonce, text, nil))
}

// unseal reads what seal wrote.
func (e *Endpoints) unseal(text string, l any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	size := e.links.NonceSize()
	if err != nil || len(sealed) < size {
		return false
	}
	opened, err := e.links.Open(nil, sealed[:size], sealed[size:], nil)
	return err == nil && json.Unmarshal(opened, l) == nil
}

// resume reads the token of a next link into q. The link is to be followed as
// it is: with the options of the first page beside the token, and no other path.
func (e *Endpoints) resume(c *call, q *query, allowed option) *wire.Problem {
	bad := badRequest("The value of $skiptoken is not valid for this request.")
	unknown := &wire.Problem{Status: http.StatusBadRequest, Code: "DirectoryPageTokenNotFoundException", Message: "The page token is not known. Start from the first page."}
	old := wire.ExpiredPage()
	if c.route.Cloud {
		bad = cloudProblem("invalidQuery")("The value of $skiptoken is not valid for this request.")
		unknown = cloudProblem("invalidQuery")("The value of $skiptoken is not known.")
		old = cloudProblem("invalidQuery")("The value of $skiptoken is expired.")
	}
	var l link
	if len(c.query["$skiptoken"]) != 1 || allowed&optTop == 0 || !e.unseal(c.query.Get("$skiptoken"), &l) {
		return bad
	}
	delete(c.query, "$skiptoken")
	q.raw = optionsOf(c.query)
	if l.Path != c.Version+"/"+c.Path || l.Query != wire.Digest(q.raw) {
		return bad
	}
	switch {
	case l.Epoch != c.epoch:
		return unknown
	case c.Date.Sub(time.Unix(l.Made, 0)) > linkLifetime+linkTicks:
		return old
	}
	q.after, q.real, q.later = l.After, l.Real, true
	return nil
}

// pageOf writes one page of a list, with the link to the next.
func pageOf[T any](e *Endpoints, c *call, q *query, context string, size int, l listing[T], render func(T) object) object {
	body := object{"@odata.context": c.context(context), "value": []object{}}
	if q.count && !q.later {
		body["@odata.count"] = l.count()
	}
	if c.Variants.EmptyPages && !q.real {
		body["@odata.nextLink"] = e.nextLink(c, c.Path, q.raw, q.after, true)
		return body
	}
	items := make([]object, 0, min(size, 1000))
	last := q.after
	for place, x := range l.after(q.after) {
		if len(items) == size {
			body["@odata.nextLink"] = e.nextLink(c, c.Path, q.raw, last, false)
			break
		}
		items = append(items, render(x))
		last = place
	}
	body["value"] = items
	return body
}

// optionsOf writes the options of a request, by name, as a link repeats them.
func optionsOf(values url.Values) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			for i, text := range []string{name, value} {
				if i == 1 {
					b.WriteByte('=')
				}
				b.WriteString(readable.Replace(url.QueryEscape(text)))
			}
		}
	}
	return b.String()
}

var readable = strings.NewReplacer("+", "%20", "%24", "$", "%2C", ",", "%28", "(", "%29", ")", "%27", "'", "%2F", "/", "%3A", ":")

func (e *Endpoints) nextLink(c *call, path, raw string, after int64, real bool) string {
	token := e.seal(link{c.Version + "/" + path, wire.Digest(raw), after, real, c.Date.Truncate(linkTicks).Unix(), c.epoch})
	if raw != "" {
		raw += "&"
	}
	return c.Root() + "/" + path + "?" + raw + "$skiptoken=" + token
}

// expandList puts an expanded cloudLicensing collection into o: a page of it,
// with a link to the rest at its own path.
func expandList[T any](e *Endpoints, c *call, o object, x expansion, path string, l listing[T], render func(T) object) {
	list := []object{}
	last := int64(-1)
	size := c.cloudPageSize(&query{})
	for place, item := range l.after(-1) {
		if len(list) == size {
			if !c.Variants.ExpandWithoutLink {
				raw := ""
				if x.Select != nil {
					raw = optionsOf(url.Values{"$select": {strings.Join(x.Select, ",")}})
				}
				o[x.Path+"@odata.nextLink"] = e.nextLink(c, path+x.Path, raw, last, true)
			}
			break
		}
		list = append(list, render(item))
		last = place
	}
	o[x.Path] = list
}

// directoryPageSize is that of users and groups.
func (c *call) directoryPageSize(q *query) int {
	if q.top > 0 {
		return q.top
	}
	return positive(c.Variants.DirectoryPageSize, 100)
}

// cloudPageSize is that of cloudLicensing lists: $top beyond it is capped.
func (c *call) cloudPageSize(q *query) int {
	size := positive(c.Variants.PageSize, 100)
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
