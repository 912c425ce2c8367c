package api

import (
	"fmt"
	"net/http"
	"time"

	"licensegraph/internal/emulator/wire"
)

func badRequest(format string, args ...any) *wire.Problem {
	return &wire.Problem{Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: fmt.Sprintf(format, args...)}
}

// unsupported rejects a query option or a combination of options on directory
// objects.
func unsupported(format string, args ...any) *wire.Problem {
	return &wire.Problem{Status: http.StatusBadRequest, Code: "Request_UnsupportedQuery", Message: fmt.Sprintf(format, args...)}
}

// cloud returns an error of a cloudLicensing resource: a general code with a
// specific inner code.
func cloud(status int, inner, format string, args ...any) *wire.Problem {
	code := map[int]string{http.StatusBadRequest: "badRequest", http.StatusForbidden: "forbidden", http.StatusNotFound: "notFound", http.StatusConflict: "conflict", http.StatusNotImplemented: "notImplemented"}[status]
	return &wire.Problem{Status: status, Code: code, Inner: inner, Message: fmt.Sprintf(format, args...)}
}

func noSuchObject(id string) *wire.Problem {
	return &wire.Problem{Status: http.StatusNotFound, Code: "Request_ResourceNotFound",
		Message: fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)}
}

func noSuchSegment(segment string) *wire.Problem {
	return wire.NotParsed("Resource not found for the segment '%s'.", segment)
}

// timestamp formats a directory timestamp. preciseTimestamp formats a
// cloudLicensing timestamp, with seven decimals.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func preciseTimestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.0000000") + "+00:00"
}

type object = map[string]any
