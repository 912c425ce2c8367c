package emulator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// problem is an error of Graph, as Microsoft Learn, "Microsoft Graph error
// responses and resource types", describes it.
type problem struct {
	status  int
	code    string
	inner   string // a more specific code, in innerError
	message string
	header  map[string]string

	details  []object       // of single mistakes
	property string         // the property that is wrong, in innerError
	more     map[string]any // of innerError
}

func badRequest(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "Request_BadRequest", message: fmt.Sprintf(format, args...)}
}

// unsupported refuses a query option, or a combination, on directory objects.
func unsupported(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "Request_UnsupportedQuery", message: fmt.Sprintf(format, args...)}
}

// notParsed refuses a query option that Graph's front door cannot read.
func notParsed(format string, args ...any) *problem {
	return &problem{status: http.StatusBadRequest, code: "BadRequest", message: fmt.Sprintf(format, args...)}
}

// cloud is an error of a cloudLicensing resource: a general code with the
// specific one inside.
func cloud(status int, inner, format string, args ...any) *problem {
	code := map[int]string{http.StatusBadRequest: "badRequest", http.StatusForbidden: "forbidden", http.StatusNotFound: "notFound", http.StatusConflict: "conflict", http.StatusNotImplemented: "notImplemented"}[status]
	return &problem{status: status, code: code, inner: inner, message: fmt.Sprintf(format, args...)}
}

func noSuchObject(id string) *problem {
	return &problem{status: http.StatusNotFound, code: "Request_ResourceNotFound",
		message: fmt.Sprintf("Resource '%s' does not exist or one of its queried reference-property objects are not present.", id)}
}

func noSuchSegment(segment string) *problem {
	return notParsed("Resource not found for the segment '%s'.", segment)
}

// usualProblem is what Graph says with a status when there is nothing special
// to say.
func usualProblem(status int) *problem {
	p := &problem{status: status, code: "UnknownError", message: http.StatusText(status)}
	switch status {
	case http.StatusBadRequest:
		p.code, p.message = "BadRequest", "The request is invalid."
	case http.StatusUnauthorized:
		p.code, p.message = "InvalidAuthenticationToken", "Access token is invalid."
	case http.StatusForbidden:
		p.code, p.message = "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
	case http.StatusNotFound:
		p.code, p.message = "Request_ResourceNotFound", "The requested resource does not exist."
	case http.StatusMethodNotAllowed:
		p.code, p.message = "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
	case http.StatusConflict:
		p.code = "Conflict"
	case http.StatusGone:
		p.code = "Gone"
	case http.StatusPreconditionFailed:
		p.code = "PreconditionFailed"
	case http.StatusTooManyRequests:
		p.code, p.message = "TooManyRequests", "Please retry again later."
	case http.StatusInternalServerError:
		p.code, p.message = "InternalServerError", "An unexpected error occurred."
	case http.StatusServiceUnavailable:
		p.code, p.message = "serviceNotAvailable", "The service is temporarily unavailable."
	}
	return p
}

func (p *problem) answer(c *call) answer {
	inner := object{
		"date":              c.date.UTC().Format("2006-01-02T15:04:05"),
		"request-id":        c.requestID,
		"client-request-id": c.clientRequestID,
	}
	maps.Copy(inner, p.more)
	if c.part && p.status == http.StatusForbidden && c.variants.EmptyPartCodes {
		p.code = ""
	}
	if p.inner != "" {
		inner["code"] = p.inner
	}
	if p.property != "" {
		inner["propertyName"] = p.property
	}
	said := object{"code": p.code, "message": p.message, "innerError": inner}
	if p.details != nil {
		said["details"] = p.details
	}
	a := answer{status: p.status, body: encode(object{"error": said})}
	for name, value := range p.header {
		a.set(name, value)
	}
	return a
}

type object = map[string]any

// encode writes v with its names in order, so that equal answers are equal
// bytes.
func encode(v any) []byte {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false) // Links have & in them.
	if err := j.Encode(v); err != nil {
		panic(err) // Only values made in this package get here.
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// timestamp is the form of directory timestamps, preciseTimestamp that of
// cloudLicensing, with its seven digits.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func preciseTimestamp(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.0000000") + "+00:00"
}
