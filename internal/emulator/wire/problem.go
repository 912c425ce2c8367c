package wire

import (
	"fmt"
	"maps"
	"net/http"
)

// Problem is an error of Graph, see Microsoft Learn, "Microsoft Graph error
// responses and resource types".
type Problem struct {
	Status  int
	Code    string
	Inner   string // a more specific code, in innerError
	Message string
	Header  map[string]string

	Details  []map[string]any // one per error
	Property string           // the invalid property, in innerError
	More     map[string]any   // additional members of innerError
}

// NotParsed returns the error for a request that Graph cannot parse.
func NotParsed(format string, args ...any) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: "BadRequest", Message: fmt.Sprintf(format, args...)}
}

// Usual returns the general error of Graph for a status.
func Usual(status int) *Problem {
	p := &Problem{Status: status, Code: "UnknownError", Message: http.StatusText(status)}
	switch status {
	case http.StatusBadRequest:
		p.Code, p.Message = "BadRequest", "The request is invalid."
	case http.StatusUnauthorized:
		p.Code, p.Message = "InvalidAuthenticationToken", "Access token is invalid."
	case http.StatusForbidden:
		p.Code, p.Message = "Authorization_RequestDenied", "Insufficient privileges to complete the operation."
	case http.StatusNotFound:
		p.Code, p.Message = "Request_ResourceNotFound", "The requested resource does not exist."
	case http.StatusMethodNotAllowed:
		p.Code, p.Message = "Request_BadRequest", "Specified HTTP method is not allowed for the request target."
	case http.StatusConflict:
		p.Code = "Conflict"
	case http.StatusGone:
		p.Code = "Gone"
	case http.StatusPreconditionFailed:
		p.Code = "PreconditionFailed"
	case http.StatusTooManyRequests:
		p.Code, p.Message = "TooManyRequests", "Please retry again later."
	case http.StatusInternalServerError:
		p.Code, p.Message = "InternalServerError", "An unexpected error occurred."
	case http.StatusServiceUnavailable:
		p.Code, p.Message = "serviceNotAvailable", "The service is temporarily unavailable."
	}
	return p
}

// Answer converts the error to an answer to the call.
func (p *Problem) Answer(c *Call) Answer {
	inner := map[string]any{
		"date":              c.Date.UTC().Format("2006-01-02T15:04:05"),
		"request-id":        c.RequestID,
		"client-request-id": c.ClientRequestID,
	}
	maps.Copy(inner, p.More)
	if c.Part && p.Status == http.StatusForbidden && c.Variants.EmptyPartCodes {
		p.Code = ""
	}
	if p.Inner != "" {
		inner["code"] = p.Inner
	}
	if p.Property != "" {
		inner["propertyName"] = p.Property
	}
	said := map[string]any{"code": p.Code, "message": p.Message, "innerError": inner}
	if p.Details != nil {
		said["details"] = p.Details
	}
	a := Answer{Status: p.Status, Body: Encode(map[string]any{"error": said})}
	for name, value := range p.Header {
		a.Set(name, value)
	}
	return a
}

// ExpiredPage returns the error of the directory for an expired next link.
func ExpiredPage() *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: "Directory_ExpiredPageToken",
		Message: "The specified page token value has expired and can no longer be included in your request."}
}
