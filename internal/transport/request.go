package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/documents"
	"licensegraph/internal/limits"
)

// refusal is a request that is none of GraphQL's (GraphQL over HTTP, section
// 5). Its text never repeats what was sent.
type refusal struct {
	status     int
	text       string
	header     map[string]string
	extensions map[string]any // of the error
}

// tooMuch is a request of which something is too large.
func tooMuch(err *gqlerror.Error) *refusal {
	return &refusal{http.StatusBadRequest, err.Message, nil, err.Extensions}
}

func badRequest(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, text: fmt.Sprintf(format, args...)}
}

// readRequest reads the parameters of a GET or a POST.
func readRequest(w http.ResponseWriter, r *http.Request, bounds limits.Limits) (*graphql.RawParams, *refusal) {
	start := graphql.Now()
	var params *graphql.RawParams
	var problem *refusal
	switch r.Method {
	case http.MethodGet:
		params, problem = readGet(r, bounds)
	case http.MethodPost:
		params, problem = readPost(w, r, bounds)
	default:
		return nil, &refusal{http.StatusMethodNotAllowed, "The method has to be GET or POST.", map[string]string{"Allow": "GET, POST, OPTIONS"}, nil}
	}
	if problem != nil {
		return nil, problem
	}
	if problem := checkQuery(params); problem != nil {
		return nil, problem
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}
	return params, nil
}

// checkQuery refuses parameters that name no document.
func checkQuery(params *graphql.RawParams) *refusal {
	if params.Query == "" && params.Extensions[documents.IDExtension] == nil && params.Extensions["persistedQuery"] == nil {
		return badRequest("The parameter query is missing.")
	}
	return nil
}

// readGet reads the parameters from the URL (section 5.3).
func readGet(r *http.Request, bounds limits.Limits) (*graphql.RawParams, *refusal) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query component of the URL is malformed.")
	}
	for _, name := range []string{"query", "operationName", "variables", "extensions", "documentId"} {
		if len(values[name]) > 1 {
			return nil, badRequest("The parameter %s is there more than once.", name)
		}
	}
	params := &graphql.RawParams{Query: values.Get("query"), OperationName: values.Get("operationName")}
	for _, object := range []struct {
		name   string
		target *map[string]any
	}{{"variables", &params.Variables}, {"extensions", &params.Extensions}} {
		if text := values.Get(object.name); text != "" {
			if err := bounds.CheckJSON([]byte(text)); err != nil {
				return nil, tooMuch(err)
			}
			if err := decode([]byte(text), object.target); err != nil {
				return nil, badRequest("The parameter %s is not a JSON object.", object.name)
			}
		}
	}
	nameDocument(params, values.Get("documentId"))
	return params, nil
}

// readPost reads the parameters from a JSON body (section 5.4).
func readPost(w http.ResponseWriter, r *http.Request, bounds limits.Limits) (*graphql.RawParams, *refusal) {
	if problem := checkContent(r.Header); problem != nil {
		return nil, problem
	}
	body, problem := readBody(w, r)
	if problem != nil {
		return nil, problem
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badRequest("The body is a list. Operations are not taken in batches: send one request for each.")
	}
	if err := bounds.CheckJSON(body); err != nil {
		return nil, tooMuch(err)
	}
	return readParams("body", body)
}

// readParams reads the parameters from JSON that was counted before. Members
// that we don't know are none of our business.
func readParams(name string, text []byte) (*graphql.RawParams, *refusal) {
	var members map[string]json.RawMessage
	if err := decode(text, &members); err != nil || members == nil {
		return nil, badRequest("The %s is not a JSON object.", name)
	}
	params := &graphql.RawParams{}
	var documentID string
	for _, member := range []struct {
		name, kind string
		target     any
	}{
		{"query", "string", &params.Query},
		{"operationName", "string", &params.OperationName},
		{"variables", "object", &params.Variables},
		{"extensions", "object", &params.Extensions},
		{"documentId", "string", &documentID},
	} {
		if raw, ok := members[member.name]; ok {
			if err := decode(raw, member.target); err != nil {
				return nil, badRequest("The member %s of the %s is not a JSON %s.", member.name, name, member.kind)
			}
		}
	}
	nameDocument(params, documentID)
	return params, nil
}

// nameDocument notes the id of a persisted document (GraphQL over HTTP,
// appendix on persisted documents) where package documents looks for it.
func nameDocument(params *graphql.RawParams, id string) {
	if id == "" {
		return
	}
	if params.Extensions == nil {
		params.Extensions = map[string]any{}
	}
	params.Extensions[documents.IDExtension] = id
}

// checkContent refuses bodies that are not plain JSON in UTF-8. A browser
// sends such a body to another origin only after asking.
func checkContent(h http.Header) *refusal {
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || mediaType != mediaTypeJSON {
		return &refusal{http.StatusUnsupportedMediaType, "The Content-Type has to be application/json.", map[string]string{"Accept-Post": mediaTypeJSON}, nil}
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return &refusal{http.StatusUnsupportedMediaType, "The charset has to be utf-8.", nil, nil}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		// RFC 9110, section 12.5.3: the answer names what would be taken.
		return &refusal{http.StatusUnsupportedMediaType, "The body has to come without a content coding.", map[string]string{"Accept-Encoding": "identity"}, nil}
	}
	return nil
}

// boundBody lets that much of a body be read and no more. Of one that says that it is longer, nothing is waited for.
func boundBody(w http.ResponseWriter, r *http.Request, bytes int64) {
	if r.ContentLength > bytes {
		w.Header().Set("Connection", "close") // who would read it?
		r.Body = tooLong{r.Body, bytes}
	}
	r.Body = http.MaxBytesReader(w, r.Body, bytes)
}

// tooLong is a body of which nothing is read.
type tooLong struct {
	io.Closer
	limit int64
}

func (b tooLong) Read([]byte) (int, error) { return 0, &http.MaxBytesError{Limit: b.limit} }

// readBody reads the body until the request's time is up.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *refusal) {
	connection := http.NewResponseController(w)
	if deadline, ok := r.Context().Deadline(); ok {
		_ = connection.SetReadDeadline(deadline) // a test's recorder has none
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		_ = connection.SetReadDeadline(time.Time{})
		return body, nil
	}
	// The deadline stays: net/http reads what is left of the body before it
	// takes the next request.
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &refusal{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is longer than the %d bytes that are allowed.", tooLarge.Limit), nil, nil}
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return nil, &refusal{http.StatusRequestTimeout, "The body did not arrive in time.", nil, nil}
	}
	return nil, badRequest("The body could not be read.")
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// decode reads one JSON value and nothing after it. Numbers stay as they were
// written.
func decode(text []byte, target any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(target); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more than one JSON value")
	}
	return nil
}
