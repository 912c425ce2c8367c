package main

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// minCompressed is the size in bytes from which a response is compressed.
const minCompressed = 4 << 10

// compress compresses JSON responses with zstd or gzip, as the client accepts (RFC 9110, section 12.5.3), at the fastest
// level. Event streams and multipart responses are sent as they are, so that no event waits in a buffer.
func compress(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(minCompressed), gzhttp.CompressionLevel(1),
		gzhttp.ContentTypes([]string{"application/json", "application/graphql-response+json"}))
	if err != nil {
		panic(err) // the options are constant
	}
	return wrap(next)
}
