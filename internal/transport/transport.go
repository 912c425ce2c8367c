// Package transport connects clients to the GraphQL executor: over HTTP, event streams and WebSockets. It authenticates
// callers, admits operations, reads requests, and writes responses of limited size. Authorization and token
// verification are in other packages.
//
// Authentication is part of the package because each transport sends tokens and rejects callers in its own way, and
// admission because it precedes the reading of a request.
package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/sync/semaphore"

	"licensegraph/internal/limits"
	"licensegraph/internal/quota"
	"licensegraph/internal/upstream"
)

// Options configure an [Endpoint].
type Options struct {
	Executor      *executor.Executor
	Authenticator *Authenticator

	// Limits are the limits of documents and of their JSON.
	Limits limits.Limits
	// Quota is the limit of operations per caller and in total. A WebSocket may send messages at twice the rate and
	// burst.
	Quota quota.Limits
	// CallerStreams and MaxStreams are the maximum numbers of open WebSockets and event streams, per caller and in
	// total.
	CallerStreams, MaxStreams int
	// BodyBytes is the maximum size of a request body and of a WebSocket message, in bytes.
	BodyBytes int64
	// AnswerBytes is the maximum size of a response, and AnswersBytes the memory for all responses in progress, in
	// bytes.
	AnswerBytes, AnswersBytes int64
	// RequestTimeout is the timeout of a query or a mutation, and the write timeout of each message of a stream.
	RequestTimeout time.Duration
	// MaxSchedulingDelay is the scheduling delay from which new operations are rejected.
	MaxSchedulingDelay time.Duration
	// InitTimeout is the timeout for connection_init on a WebSocket.
	InitTimeout time.Duration

	// Observe, if set, gets the record of each operation when it has ended, with the caller in the context.
	Observe func(context.Context, *Record)
	// Report returns the cost of an operation at Microsoft Graph; required with Observe.
	Report func(*graphql.OperationContext) upstream.Report
}

// Endpoint serves operations according to the GraphQL over HTTP draft
// (https://graphql.github.io/graphql-over-http/draft/): GET for queries, POST for queries and mutations, one response
// each. If the client requests it, the response is an event stream, or the connection becomes a WebSocket.
type Endpoint struct {
	opts      Options
	responses *limits.Responses
	turns     *semaphore.Weighted // limits large operations
	quota     quota.Quota
	pressure  pressure
	streams   *streams
}

// New returns an endpoint. The caller must run [Endpoint.Run] while it serves.
func New(opts Options) *Endpoint {
	return &Endpoint{
		opts: opts, responses: limits.NewResponses(opts.AnswerBytes, opts.AnswersBytes), turns: newTurns(opts.Limits.Cost),
		quota: quota.New(opts.Quota, nil), streams: newStreams(opts.CallerStreams, opts.MaxStreams),
	}
}

// Run measures the scheduling delay until the context ends. See [Options.MaxSchedulingDelay].
func (e *Endpoint) Run(ctx context.Context) {
	ticker := time.NewTicker(pressureEvery)
	defer ticker.Stop()
	e.pressure.run(ctx, ticker.C, time.Now)
}

// Drain rejects new streams and ends subscriptions.
func (e *Endpoint) Drain() { e.streams.drain() }

// Streams returns the number of open WebSockets and event streams.
func (e *Endpoint) Streams() int { return e.streams.count() }

// Wait waits until all streams have ended. It returns the context's error if that ends first. [http.Server] does not
// wait for WebSockets.
func (e *Endpoint) Wait(ctx context.Context) error { return e.streams.wait(ctx) }

// errorsAtMost is the maximum number of validation errors in a response.
const errorsAtMost = 50

func (e *Endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	boundBody(w, r, e.opts.BodyBytes)
	if isUpgrade(r) {
		e.serveSocket(w, r)
		return
	}
	whole := r.Context()
	ctx, cancel := context.WithTimeout(whole, e.opts.RequestTimeout)
	defer cancel()
	r = r.WithContext(ctx)
	ctx = graphql.StartOperationTrace(ctx)
	mediaType, streams := negotiate(r.Header.Values("Accept"))
	record := e.record(ctx, "http")
	defer record.end()
	a := response{w: w, mediaType: mediaType, record: record}
	if mediaType == mediaTypeEvents {
		record.record.Transport = "sse"
		a.mediaType = mediaTypeJSON // for rejected requests
	}
	defer func() {
		if p := recover(); p != nil {
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			a.status = http.StatusInternalServerError
			a.write(e.failure(ctx, e.opts.Executor.PresentRecoveredError(ctx, p)))
		}
	}()
	if mediaType == "" {
		a.mediaType = mediaTypeJSON
		a.reject(ctx, e, &rejection{http.StatusNotAcceptable, "Not acceptable: the media types are " + mediaTypeGraphQL + ", " + mediaTypeJSON + " or " + mediaTypeEvents + ".", nil, nil})
		return
	}
	if r.Method == http.MethodOptions { // not a preflight request
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ctx, problem := e.opts.Authenticator.request(r.WithContext(ctx))
	record.ctx = ctx
	if problem != nil {
		a.reject(ctx, e, problem)
		return
	}
	end, problem := e.admit(ctx)
	if problem != nil {
		a.reject(ctx, e, problem)
		return
	}
	defer end()
	params, problem := readRequest(w, r, e.opts.Limits)
	if problem != nil {
		a.reject(ctx, e, problem)
		return
	}

	operation, refused := e.prepare(ctx, params)
	record.prepared(operation)
	if problem := checkOperation(r.Method, operation, streams); problem != nil {
		a.reject(ctx, e, problem)
		return
	}
	if refused != nil && mediaType == mediaTypeEvents {
		_ = (eventStream{w, e.opts.RequestTimeout, record}).once(refused) // the client disconnected
		return
	}
	if refused != nil {
		a.write(refused)
		return
	}
	live := operation.Operation.Operation == ast.Subscription
	resolved, problem := e.turn(ctx, operation)
	if problem != nil {
		a.reject(ctx, e, problem)
		return
	}
	defer resolved()
	ctx, sent := e.responses.Begin(ctx)
	defer sent()
	if live || mediaType == mediaTypeEvents {
		ctx, leave := detached(ctx, whole)
		defer leave()
		if problem := e.serveEvents(ctx, w, operation, record, end, resolved); problem != nil {
			a.reject(ctx, e, problem)
		}
		return
	}
	responses, ctx := e.opts.Executor.DispatchOperation(ctx, operation)
	response := responses(ctx)
	resolved()
	if response == nil { // the context ended before execution
		a.status = http.StatusGatewayTimeout
		response = e.failure(ctx, context.Cause(ctx))
	}
	if errs := response.Errors; len(errs) == 1 && errs[0].Extensions["code"] == "RATE_LIMITED" { // the memory for responses is in use
		a.status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", fmt.Sprint(errs[0].Extensions["retryAfterSeconds"]))
	}
	if again := e.opts.Authenticator.signInAgain(response.Errors); again != "" {
		w.Header().Set("WWW-Authenticate", again)
		// The result of a mutation must be delivered even if there are errors.
		if response.Data == nil || operation.Operation.Operation == ast.Query {
			a.status = http.StatusUnauthorized
		}
	}
	a.write(response)
}

// prepare parses and validates an operation and checks its limits. If any fails, refused is the response.
func (e *Endpoint) prepare(ctx context.Context, params *graphql.RawParams) (operation *graphql.OperationContext, refused *graphql.Response) {
	operation, errs := e.opts.Executor.CreateOperationContext(ctx, params)
	if len(errs) == 0 {
		return operation, nil
	}
	if params.OperationName == "" && operation != nil && operation.Doc != nil && operation.Operation == nil {
		errs[0].Message = "The document has several operations: set operationName."
	}
	return operation, e.opts.Executor.DispatchError(graphql.WithOperationContext(ctx, operation), errs[:min(len(errs), errorsAtMost)])
}

// checkOperation rejects a mutation by GET (section 5.3) and a subscription on a transport with one response. It also
// applies to operations that are rejected for other reasons; a document that cannot be parsed has no operation.
func checkOperation(method string, operation *graphql.OperationContext, streams bool) *rejection {
	if operation == nil || operation.Operation == nil {
		return nil
	}
	switch kind := operation.Operation.Operation; {
	case kind == ast.Subscription && !streams:
		return badRequest("A subscription requires a stream: accept %s, or open a WebSocket with the subprotocol %s.", mediaTypeEvents, subprotocol)
	case method == http.MethodGet && kind == ast.Mutation:
		return &rejection{http.StatusMethodNotAllowed, "GET supports only queries: use POST.", map[string]string{"Allow": "POST"}, nil}
	}
	return nil
}

// failure returns a response with one error.
func (e *Endpoint) failure(ctx context.Context, err error) *graphql.Response {
	gqlErr, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		gqlErr = gqlerror.Wrap(err)
	}
	return e.opts.Executor.DispatchError(ctx, gqlerror.List{gqlErr})
}

// response writes one response.
type response struct {
	w         http.ResponseWriter
	mediaType string
	status    int // 0 means the status follows from the response
	record    *recorder
}

func (a *response) reject(ctx context.Context, e *Endpoint, problem *rejection) {
	for name, value := range problem.header {
		a.w.Header().Set(name, value)
	}
	a.status = problem.status
	a.write(e.failure(ctx, &gqlerror.Error{Message: problem.text, Extensions: problem.extensions}))
}

// write writes the response. The status of a request error, which has no data, is 400 for
// application/graphql-response+json and 200 for application/json, whose clients cannot distinguish a GraphQL error from
// an intermediary's (section 6.4).
func (a *response) write(response *graphql.Response) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
		if response.Data == nil && a.mediaType == mediaTypeGraphQL {
			status = http.StatusBadRequest
		}
	}
	parts := a.record.encode(response)
	h := a.w.Header()
	h.Set("Content-Type", a.mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(length(parts)))
	h.Add("Vary", "Accept")
	a.w.WriteHeader(status)
	_, _ = parts.WriteTo(a.w) // the client disconnected
}

// WriteError writes a response with one error, for requests that are rejected before they reach the endpoint.
func WriteError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", mediaTypeJSON+"; charset=utf-8")
	w.WriteHeader(status)
	parts := encode(&graphql.Response{Errors: gqlerror.List{{Message: text, Extensions: map[string]any{"code": code}}}})
	_, _ = parts.WriteTo(w) // the client disconnected
}

// encode returns a response in parts, errors first (GraphQL, section 7.1). It does not copy data, and omits it for a
// request error.
func encode(response *graphql.Response) net.Buffers {
	var parts net.Buffers
	before := "{"
	member := func(name string, value []byte) {
		parts = append(parts, []byte(before+`"`+name+`":`), value)
		before = ","
	}
	if len(response.Errors) > 0 {
		member("errors", encodeErrors(response.Errors))
	}
	if response.Data != nil {
		member("data", response.Data)
	}
	if len(response.Extensions) > 0 {
		member("extensions", mustMarshal(response.Extensions))
	}
	return append(parts, []byte(strings.TrimPrefix(before, ",")+"}"))
}

// encodeErrors encodes errors and sets each error's code and whether the operation is retryable.
func encodeErrors(errs gqlerror.List) []byte {
	for _, e := range errs {
		if e.Extensions == nil {
			e.Extensions = map[string]any{}
		}
		code, _ := e.Extensions["code"].(string)
		if code == "" {
			code = "BAD_USER_INPUT"
			e.Extensions["code"] = code
		}
		if _, told := e.Extensions["retryable"]; !told {
			e.Extensions["retryable"] = code == "RATE_LIMITED" || code == "UPSTREAM_THROTTLED"
		}
	}
	return mustMarshal(errs)
}

func length(parts net.Buffers) (n int) {
	for _, part := range parts {
		n += len(part)
	}
	return n
}

// mustMarshal encodes a value that is always valid; it panics otherwise.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
