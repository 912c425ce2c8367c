package graphiql

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

//go:embed dist
var dist embed.FS

//go:embed favicon.svg
var favicon []byte

// contentTypes is our own list: the one of package mime depends on the
// machine, and a wrong type for a script leaves an empty page.
var contentTypes = map[string]string{
	".css":  "text/css; charset=utf-8",
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".md":   "text/markdown; charset=utf-8",
	".ttf":  "font/ttf",
}

// file is one built file, held compressed, and as it is from when somebody wants it so: whoever reads slowly holds no
// copy of it.
type file struct {
	contentType string
	packed      []byte
	unpacked    func() ([]byte, error)
	hash        string
}

// embedded reads the built files by their path without ".gz".
func embedded() (map[string]file, error) {
	files := map[string]file{}
	err := fs.WalkDir(dist, "dist", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		packed, err := dist.ReadFile(name)
		if err != nil {
			return err
		}
		short := strings.TrimSuffix(strings.TrimPrefix(name, "dist/"), ".gz")
		contentType, ok := contentTypes[path.Ext(short)]
		if !ok {
			return fmt.Errorf("no content type for %s", short)
		}
		sum := sha256.Sum256(packed)
		files[short] = file{contentType, packed, sync.OnceValues(func() ([]byte, error) { return unpack(packed) }), hex.EncodeToString(sum[:8])}
		return nil
	})
	return files, err
}

// serve answers with the file, compressed where the client takes it so.
// Headers that differ between routes are the caller's.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Vary", "Accept-Encoding")

	body, etag := f.packed, f.hash+"-gzip"
	if acceptsGzip(r.Header) {
		h.Set("Content-Encoding", "gzip")
	} else {
		var err error
		if body, err = f.unpacked(); err != nil {
			http.Error(w, "the embedded file is damaged", http.StatusInternalServerError)
			return
		}
		etag = f.hash
	}
	h.Set("Etag", strconv.Quote(etag))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func unpack(packed []byte) ([]byte, error) {
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(zr)
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): a named
// coding counts before "*", and a weight of zero refuses.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for _, item := range strings.Split(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(item, ";")
		ok := true
		if key, weight, found := strings.Cut(params, "="); found && strings.EqualFold(strings.TrimSpace(key), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(weight), 64)
			ok = err == nil && q > 0
		}
		switch strings.ToLower(strings.TrimSpace(coding)) {
		case "gzip", "x-gzip":
			return ok
		case "*":
			accepted = ok
		}
	}
	return accepted
}
