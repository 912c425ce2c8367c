package wire

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// Limits of a request, in bytes.
const (
	maxBody = 4 << 20  // body, after decompression
	MaxURL  = 16 << 10 // path and query; the URL of a part of a batch can be longer
)

// ReadBody reads the body of a request to Graph.
func ReadBody(r *http.Request) ([]byte, *Problem) {
	if r.Body == nil {
		return nil, nil
	}
	reader := io.Reader(r.Body)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return nil, NotParsed("The request body is not valid gzip.")
		}
		reader = z
	default:
		return nil, Usual(http.StatusUnsupportedMediaType)
	}
	body, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	switch {
	case err != nil:
		return nil, NotParsed("The request body cannot be read.")
	case len(body) > maxBody:
		return nil, Usual(http.StatusRequestEntityTooLarge)
	}
	return body, nil
}
