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

// rejection is an error of the HTTP request (GraphQL over HTTP, section 5). Its text does not include any part of the
// request.
type rejection struct {
	status     int
	text       string
	header     map[string]string
	extensions map[string]any // of the error
}

// tooMuch returns the error of a request that exceeds a limit.
func tooMuch(err *gqlerror.Error) *rejection {
	return &rejection{http.StatusBadRequest, err.Message, nil, err.Extensions}
}

func badRequest(format string, args ...any) *rejection {
	return &rejection{status: http.StatusBadRequest, text: fmt.Sprintf(format, args...)}
}

// readRequest reads the parameters of a GET or POST request.
func readRequest(w http.ResponseWriter, r *http.Request, bounds limits.Limits) (*graphql.RawParams, *rejection) {
	start := graphql.Now()
	var params *graphql.RawParams
	var problem *rejection
	switch r.Method {
	case http.MethodGet:
		params, problem = readGet(r, bounds)
	case http.MethodPost:
		params, problem = readPost(w, r, bounds)
	default:
		return nil, &rejection{http.StatusMethodNotAllowed, "Method not allowed: use GET or POST.", map[string]string{"Allow": "GET, POST, OPTIONS"}, nil}
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

// checkQuery rejects parameters without a document.
func checkQuery(params *graphql.RawParams) *rejection {
	if params.Query == "" && params.Extensions[documents.IDExtension] == nil && params.Extensions["persistedQuery"] == nil {
		return badRequest("Missing parameter: query.")
	}
	return nil
}

// readGet reads the parameters from the URL (section 5.3).
func readGet(r *http.Request, bounds limits.Limits) (*graphql.RawParams, *rejection) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("The query component of the URL is malformed.")
	}
	for _, name := range []string{"query", "operationName", "variables", "extensions", "documentId"} {
		if len(values[name]) > 1 {
			return nil, badRequest("Duplicate parameter: %s.", name)
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
func readPost(w http.ResponseWriter, r *http.Request, bounds limits.Limits) (*graphql.RawParams, *rejection) {
	if problem := checkContent(r.Header); problem != nil {
		return nil, problem
	}
	body, problem := readBody(w, r)
	if problem != nil {
		return nil, problem
	}
	if trimmed := bytes.TrimLeft(body, " \t\r\n"); len(trimmed) > 0 && trimmed[0] == '[' {
		return nil, badRequest("Batches of operations are not supported: send one request per operation.")
	}
	if err := bounds.CheckJSON(body); err != nil {
		return nil, tooMuch(err)
	}
	return readParams("body", body)
}

// readParams decodes the parameters from JSON whose size was checked. It ignores unknown members.
func readParams(name string, text []byte) (*graphql.RawParams, *rejection) {
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

// nameDocument stores the ID of a persisted document (GraphQL over HTTP, appendix on persisted documents) where package
// documents expects it.
func nameDocument(params *graphql.RawParams, id string) {
	if id == "" {
		return
	}
	if params.Extensions == nil {
		params.Extensions = map[string]any{}
	}
	params.Extensions[documents.IDExtension] = id
}

// checkContent rejects bodies that are not plain JSON in UTF-8. Browsers send such a body to another origin only after
// a preflight request.
func checkContent(h http.Header) *rejection {
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || mediaType != mediaTypeJSON {
		return &rejection{http.StatusUnsupportedMediaType, "Unsupported Content-Type: use application/json.", map[string]string{"Accept-Post": mediaTypeJSON}, nil}
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return &rejection{http.StatusUnsupportedMediaType, "Unsupported charset: use utf-8.", nil, nil}
	}
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		// RFC 9110, section 12.5.3: the response lists the supported content codings.
		return &rejection{http.StatusUnsupportedMediaType, "Unsupported content coding: send the body without one.", map[string]string{"Accept-Encoding": "identity"}, nil}
	}
	return nil
}

// boundBody limits the size of a body. If Content-Length exceeds the limit, the body is not read.
func boundBody(w http.ResponseWriter, r *http.Request, bytes int64) {
	if r.ContentLength > bytes {
		w.Header().Set("Connection", "close") // the body remains unread
		r.Body = tooLong{r.Body, bytes}
	}
	r.Body = http.MaxBytesReader(w, r.Body, bytes)
}

// tooLong is a body that exceeds the limit by its Content-Length.
type tooLong struct {
	io.Closer
	limit int64
}

func (b tooLong) Read([]byte) (int, error) { return 0, &http.MaxBytesError{Limit: b.limit} }

// readBody reads the body until the deadline of the request.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, *rejection) {
	connection := http.NewResponseController(w)
	if deadline, ok := r.Context().Deadline(); ok {
		_ = connection.SetReadDeadline(deadline) // httptest.ResponseRecorder does not support it
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		_ = connection.SetReadDeadline(time.Time{})
		return body, nil
	}
	// The deadline remains set: net/http reads the rest of the body before the next request.
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, &rejection{http.StatusRequestEntityTooLarge, fmt.Sprintf("The body is larger than %d bytes.", tooLarge.Limit), nil, nil}
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return nil, &rejection{http.StatusRequestTimeout, "Timeout while reading the body.", nil, nil}
	}
	return nil, badRequest("Cannot read the body.")
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && timeout.Timeout()
}

// decode decodes exactly one JSON value. It preserves the text of numbers.
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
