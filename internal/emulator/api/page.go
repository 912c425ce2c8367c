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

// link is the content of a next link: the state that the next page requires.
type link struct {
	Path  string `json:"p"` // version and path
	Query string `json:"q"` // digest of the options of the first page
	After int64  `json:"a"` // position of the last item
	Real  bool   `json:"r,omitempty"`
	Made  int64  `json:"t"` // Unix time
	Epoch int64  `json:"e"` // epoch of the tenant, see store.View
}

const (
	// linkLifetime is the minimum validity of a next link. That of the service
	// is not documented.
	linkLifetime = time.Hour
	// linkTicks is the time in which the same position has the same link.
	linkTicks = 10 * time.Minute
)

// seal encrypts and authenticates l. The nonce is derived from the content, so
// that equal answers have equal bytes.
func (e *Endpoints) seal(l any) string {
	text := wire.Encode(l)
	sum := sha256.Sum256(append(slices.Clip(e.linkKey), text...))
	nonce := sum[:e.links.NonceSize()]
	return base64.RawURLEncoding.EncodeToString(e.links.Seal(nonce, nonce, text, nil))
}

// unseal is the inverse of seal.
func (e *Endpoints) unseal(text string, l any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	size := e.links.NonceSize()
	if err != nil || len(sealed) < size {
		return false
	}
	opened, err := e.links.Open(nil, sealed[:size], sealed[size:], nil)
	return err == nil && json.Unmarshal(opened, l) == nil
}

// resume reads the token of a next link into q. The client must not edit the
// link: the path and the options of the first page must match.
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

// pageOf renders one page of a list, with the link to the next.
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

// optionsOf encodes the options of a request, sorted by name, for a link.
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

// expandList adds the first page of an expanded cloudLicensing collection to
// o, with a link to the rest at the collection's path.
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

// directoryPageSize returns the page size of users and groups.
func (c *call) directoryPageSize(q *query) int {
	if q.top > 0 {
		return q.top
	}
	return positive(c.Variants.DirectoryPageSize, 100)
}

// cloudPageSize returns the page size of cloudLicensing lists. A larger $top
// is capped.
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
