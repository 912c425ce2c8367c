package wire

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// minGzip is the minimum length of a compressed body.
const minGzip = 1 << 10

var gzipWriters = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // The level is valid.
	}
	return w
}}

// acceptsGzip parses Accept-Encoding, RFC 9110 section 12.5.3.
func acceptsGzip(h http.Header) bool {
	accepted := false
	for _, line := range h.Values("Accept-Encoding") {
		for coding := range strings.SplitSeq(line, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			q := 1.0
			if _, value, ok := strings.Cut(weight, "="); ok {
				var err error
				if q, err = strconv.ParseFloat(strings.TrimSpace(value), 64); err != nil {
					q = 0
				}
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case "gzip", "x-gzip":
				return q > 0
			case "*":
				accepted = q > 0
			}
		}
	}
	return accepted
}

// writeGzip sends the compressed body in chunks, like the service.
func writeGzip(w io.Writer, body []byte) {
	z := gzipWriters.Get().(*gzip.Writer)
	defer gzipWriters.Put(z)
	z.Reset(w)
	_, _ = z.Write(body) // A failed connection cannot report an error.
	_ = z.Close()
}
