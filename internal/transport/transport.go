// Package transport carries operations between clients and the executor: over HTTP, as event streams and over WebSockets.
// It finds out who asks, admits operations, reads requests, bounds answers and writes them. What an operation may do is
// not its business, and neither is who is let in by which token.
//
// Authentication is part of it because each transport carries tokens, and refuses callers, in its own way; and admission
// because it comes before anything of a request is read.
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
)

// Options configure an [Endpoint].
type Options struct {
	Executor      *executor.Executor
	Authenticator *Authenticator

	// Limits are those of documents, and of the JSON around them.
	Limits limits.Limits
	// Quota is what callers may begin and have under way. Of a WebSocket, twice the rate and the burst of messages are read.
	Quota quota.Limits
	// CallerStreams and MaxStreams are how many WebSockets and event streams one caller, and all callers, may have open.
	CallerStreams, MaxStreams int
	// BodyBytes bounds the body of a request, and a message of a WebSocket.
	BodyBytes int64
	// AnswerBytes bounds an answer, and AnswersBytes the memory of those that are under way.
	AnswerBytes, AnswersBytes int64
	// RequestTimeout is how long a query or a mutation may take, and how long a client may take to read each message of a
	// stream.
	RequestTimeout time.Duration
	// MaxSchedulingDelay is how long what is ready to run may wait for a CPU before further operations are refused.
	MaxSchedulingDelay time.Duration
	// InitTimeout is how long a client may take to send connection_init over a WebSocket.
	InitTimeout time.Duration
}

// Endpoint answers operations over HTTP, as the GraphQL over HTTP draft says
// (https://graphql.github.io/graphql-over-http/draft/): a GET for queries, a POST for queries and mutations, one answer
// for each. Where a client asks for it, the answer is a stream of events, or the connection becomes a WebSocket.
type Endpoint struct {
	opts     Options
	answers  *limits.Answers
	turns    *semaphore.Weighted // of large operations
	quota    quota.Quota
	pressure pressure
	streams  *streams
}

// New returns an endpoint. Have [Endpoint.Run] run while it serves.
func New(opts Options) *Endpoint {
	return &Endpoint{
		opts: opts, answers: limits.NewAnswers(opts.AnswerBytes, opts.AnswersBytes), turns: newTurns(opts.Limits.Cost),
		quota: quota.New(opts.Quota, nil), streams: newStreams(opts.CallerStreams, opts.MaxStreams),
	}
}

// Run measures how late the process is, until the context ends: operations are refused that would begin too late.
func (e *Endpoint) Run(ctx context.Context) {
	ticker := time.NewTicker(pressureEvery)
	defer ticker.Stop()
	e.pressure.run(ctx, ticker.C, time.Now)
}

// Drain lets no more streams begin, and ends subscriptions, which never end by themselves.
func (e *Endpoint) Drain() { e.streams.drain() }

// Wait returns when all streams have ended, or with the context's error. (An HTTP server does not know WebSockets.)
func (e *Endpoint) Wait(ctx context.Context) error { return e.streams.wait(ctx) }

// errorsAtMost bounds the errors of a document that are reported at once.
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
	a := answer{w: w, mediaType: mediaType}
	if mediaType == mediaTypeEvents {
		a.mediaType = mediaTypeJSON // of what is refused
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
		a.refuse(ctx, e, &refusal{http.StatusNotAcceptable, "The answer can be " + mediaTypeGraphQL + ", " + mediaTypeJSON + " or " + mediaTypeEvents + ".", nil, nil})
		return
	}
	if r.Method == http.MethodOptions { // one that is no preflight
		w.Header().Set("Allow", "GET, POST, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ctx, problem := e.opts.Authenticator.request(r.WithContext(ctx))
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	end, problem := e.admit(ctx)
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	defer end()
	params, problem := readRequest(w, r, e.opts.Limits)
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}

	operation, refused := e.prepare(ctx, params)
	if problem := checkOperation(r.Method, operation, streams); problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	if refused != nil && mediaType == mediaTypeEvents {
		_ = (eventStream{w, e.opts.RequestTimeout}).once(refused) // whoever asked has gone
		return
	}
	if refused != nil {
		a.write(refused)
		return
	}
	live := operation.Operation.Operation == ast.Subscription
	resolved, problem := e.turn(ctx, operation)
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	defer resolved()
	ctx, sent := e.answers.Begin(ctx)
	defer sent()
	if live || mediaType == mediaTypeEvents {
		ctx, leave := detached(ctx, whole)
		defer leave()
		if problem := e.serveEvents(ctx, w, operation, end, resolved); problem != nil {
			a.refuse(ctx, e, problem)
		}
		return
	}
	responses, ctx := e.opts.Executor.DispatchOperation(ctx, operation)
	response := responses(ctx)
	resolved()
	if response == nil { // the context ended before anything was resolved
		a.status = http.StatusGatewayTimeout
		response = e.failure(ctx, context.Cause(ctx))
	}
	if errs := response.Errors; len(errs) == 1 && errs[0].Extensions["code"] == "RATE_LIMITED" { // for the answers of others
		a.status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", fmt.Sprint(errs[0].Extensions["retryAfterSeconds"]))
	}
	if again := e.opts.Authenticator.signInAgain(response.Errors); again != "" {
		w.Header().Set("WWW-Authenticate", again)
		// What a mutation has done has to be read all the same.
		if response.Data == nil || operation.Operation.Operation == ast.Query {
			a.status = http.StatusUnauthorized
		}
	}
	a.write(response)
}

// prepare makes an operation ready to run: it is parsed, validated and within
// the limits. Otherwise the answer says why not.
func (e *Endpoint) prepare(ctx context.Context, params *graphql.RawParams) (operation *graphql.OperationContext, refused *graphql.Response) {
	operation, errs := e.opts.Executor.CreateOperationContext(ctx, params)
	if len(errs) == 0 {
		return operation, nil
	}
	if params.OperationName == "" && operation != nil && operation.Doc != nil && operation.Operation == nil {
		errs[0].Message = "The document has several operations: operationName has to name one of them."
	}
	return operation, e.opts.Executor.DispatchError(graphql.WithOperationContext(ctx, operation), errs[:min(len(errs), errorsAtMost)])
}

// checkOperation keeps GET safe (section 5.3: a GET must not run a mutation)
// and refuses what one answer cannot hold. It holds for what is refused for
// other reasons, too; what could not be parsed is of no kind.
func checkOperation(method string, operation *graphql.OperationContext, streams bool) *refusal {
	if operation == nil || operation.Operation == nil {
		return nil
	}
	switch kind := operation.Operation.Operation; {
	case kind == ast.Subscription && !streams:
		return badRequest("One answer cannot hold a subscription: accept %s, or open a WebSocket with the subprotocol %s.", mediaTypeEvents, subprotocol)
	case method == http.MethodGet && kind == ast.Mutation:
		return &refusal{http.StatusMethodNotAllowed, "A GET runs queries only: send this operation by POST.", map[string]string{"Allow": "POST"}, nil}
	}
	return nil
}

// failure is an answer that holds one error.
func (e *Endpoint) failure(ctx context.Context, err error) *graphql.Response {
	gqlErr, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		gqlErr = gqlerror.Wrap(err)
	}
	return e.opts.Executor.DispatchError(ctx, gqlerror.List{gqlErr})
}

// answer writes a response once.
type answer struct {
	w         http.ResponseWriter
	mediaType string
	status    int // 0: by the response
}

func (a *answer) refuse(ctx context.Context, e *Endpoint, problem *refusal) {
	for name, value := range problem.header {
		a.w.Header().Set(name, value)
	}
	a.status = problem.status
	a.write(e.failure(ctx, &gqlerror.Error{Message: problem.text, Extensions: problem.extensions}))
}

// write sends the response. Without data it is a request error: a 400, or a
// 200 where the media type is application/json, whose clients cannot tell a
// 400 of ours from one of a proxy (section 6.4).
func (a *answer) write(response *graphql.Response) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
		if response.Data == nil && a.mediaType == mediaTypeGraphQL {
			status = http.StatusBadRequest
		}
	}
	parts := encode(response)
	h := a.w.Header()
	h.Set("Content-Type", a.mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(length(parts)))
	h.Add("Vary", "Accept")
	a.w.WriteHeader(status)
	_, _ = parts.WriteTo(a.w) // whoever asked has gone
}

// WriteError answers a request of the endpoint that is refused before it gets there, with one error of that code.
func WriteError(w http.ResponseWriter, status int, code, text string) {
	w.Header().Set("Content-Type", mediaTypeJSON+"; charset=utf-8")
	w.WriteHeader(status)
	parts := encode(&graphql.Response{Errors: gqlerror.List{{Message: text, Extensions: map[string]any{"code": code}}}})
	_, _ = parts.WriteTo(w) // whoever asked has gone
}

// encode returns a response in parts, with errors first (GraphQL, section
// 7.1). It takes data as it was resolved, without a copy, and leaves it out where
// nothing was: a request error has none.
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

// encodeErrors writes errors, each of which has a code and says whether the
// same operation can succeed later.
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

// mustMarshal encodes what is ours. That it cannot be encoded is a mistake in
// the program.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}
