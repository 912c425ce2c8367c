package main

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the minimum size of a compressed response, in bytes.
const minCompressed = 4 << 10

// compress compresses JSON responses with zstd or gzip, as the client accepts
// (RFC 9110, section 12.5.3), at the fastest level. Event streams and
// multipart responses are not compressed, so that no event waits in a buffer.
func compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(1),
		gzhttp.ContentTypes([]string{"application/json", "application/graphql-response+json"}))
	if err != nil {
		panic(err) // the options are constant
	}
	return wrap(next)
}
