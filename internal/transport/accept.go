package transport

import (
	"mime"
	"strconv"
	"strings"
)

// Media types of a response (GraphQL over HTTP, sections 6.4.1 and 6.4.2), and of a stream of responses.
const (
	mediaTypeJSON    = "application/json"
	mediaTypeGraphQL = "application/graphql-response+json"
	mediaTypeEvents  = "text/event-stream"
)

// negotiate selects the response's media type from the Accept header (RFC 9110, section 12.5.1); empty if none is
// acceptable. The default is application/json, which every client supports. application/graphql-response+json must be
// named, and so must text/event-stream, which is selected only if it has the highest preference. events reports whether
// text/event-stream is acceptable at all: some clients accept all media types for every operation.
func negotiate(accept []string) (mediaType string, events bool) {
	header := strings.Join(accept, ",")
	if strings.TrimSpace(header) == "" {
		return mediaTypeJSON, false
	}
	var plain, graphql, stream preference
	for item := range strings.SplitSeq(header, ",") {
		mediaRange, params, err := mime.ParseMediaType(item)
		if err != nil {
			continue
		}
		q := 1.0
		if weight, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(weight, 64); err != nil {
				continue
			}
		}
		if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
			continue
		}
		plain.consider(mediaRange, mediaTypeJSON, q)
		graphql.consider(mediaRange, mediaTypeGraphQL, q)
		if mediaRange == mediaTypeEvents {
			stream.consider(mediaRange, mediaTypeEvents, q)
		}
	}
	events = stream.q > 0
	switch {
	case stream.q > max(graphql.q, plain.q):
		return mediaTypeEvents, true
	case graphql.q > 0 && (graphql.q > plain.q || graphql.q == plain.q && graphql.specificity == 3):
		return mediaTypeGraphQL, events
	case plain.q > 0:
		return mediaTypeJSON, events
	}
	return "", false
}

// preference is the quality value of a media type, from the most specific matching range.
type preference struct {
	q           float64
	specificity int // 3 is an exact match, 2 application/*, 1 */*
}

func (p *preference) consider(mediaRange, mediaType string, q float64) {
	specificity := 0
	switch mediaRange {
	case mediaType:
		specificity = 3
	case "application/*":
		specificity = 2
	case "*/*":
		specificity = 1
	}
	if specificity > p.specificity {
		*p = preference{q, specificity}
	}
}
