package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/limits"
	"licensegraph/internal/quota"
)

// endpoint answers operations over HTTP, as the GraphQL over HTTP draft says
// (https://graphql.github.io/graphql-over-http/draft/): a GET for queries, a
// POST for queries and mutations, one answer for each.
type endpoint struct {
	executor *executor.Executor
	auth     *authenticator
	limits   limits.Limits
	quota    quota.Quota
	streams  *streams
	cfg      *Config
}

func newEndpoint(cfg *Config, exec *executor.Executor, auth *authenticator, live *streams) endpoint {
	return endpoint{executor: exec, auth: auth, limits: cfg.limits(), quota: quota.New(cfg.quota(), nil), streams: live, cfg: cfg}
}

// errorsAtMost bounds the errors of a document that are reported at once.
const errorsAtMost = 50

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if isUpgrade(r) {
		e.serveSocket(w, r)
		return
	}
	whole := r.Context()
	ctx, cancel := context.WithTimeout(whole, e.cfg.RequestTimeout)
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
			a.write(e.failure(ctx, e.executor.PresentRecoveredError(ctx, p)))
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
	ctx, problem := e.auth.request(r.WithContext(ctx))
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	end, problem := admit(ctx, e.quota)
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	defer end()
	params, problem := readRequest(w, r, e.limits)
	if problem != nil {
		a.refuse(ctx, e, problem)
		return
	}

	operation, refused := e.prepare(ctx, params)
	if refused != nil && mediaType == mediaTypeEvents {
		_ = (eventStream{w, e.cfg.RequestTimeout}).once(refused) // whoever asked has gone
		return
	}
	if refused != nil {
		a.write(refused)
		return
	}
	live := operation.Operation.Operation == ast.Subscription
	if problem := checkOperation(r.Method, operation.Operation.Operation, streams); problem != nil {
		a.refuse(ctx, e, problem)
		return
	}
	if live || mediaType == mediaTypeEvents {
		ctx, leave := detached(ctx, whole)
		defer leave()
		if problem := e.serveEvents(ctx, w, operation, end); problem != nil {
			a.refuse(ctx, e, problem)
		}
		return
	}
	responses, ctx := e.executor.DispatchOperation(ctx, operation)
	response := responses(ctx)
	if response == nil { // the context ended before anything was resolved
		a.status = http.StatusGatewayTimeout
		response = e.failure(ctx, context.Cause(ctx))
	}
	if again := e.auth.signInAgain(response.Errors); again != "" {
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
func (e endpoint) prepare(ctx context.Context, params *graphql.RawParams) (*graphql.OperationContext, *graphql.Response) {
	operation, errs := e.executor.CreateOperationContext(ctx, params)
	if len(errs) == 0 {
		return operation, nil
	}
	return nil, e.executor.DispatchError(graphql.WithOperationContext(ctx, operation), errs[:min(len(errs), errorsAtMost)])
}

// checkOperation keeps GET safe (section 5.3: a GET must not run a mutation)
// and refuses what one answer cannot hold.
func checkOperation(method string, operation ast.Operation, streams bool) *refusal {
	switch {
	case operation == ast.Subscription && !streams:
		return badRequest("One answer cannot hold a subscription: accept %s, or open a WebSocket with the subprotocol %s.", mediaTypeEvents, subprotocol)
	case method == http.MethodGet && operation == ast.Mutation:
		return &refusal{http.StatusMethodNotAllowed, "A GET runs queries only: send this operation by POST.", map[string]string{"Allow": "POST"}, nil}
	}
	return nil
}

// failure is an answer that holds one error.
func (e endpoint) failure(ctx context.Context, err error) *graphql.Response {
	gqlErr, ok := errors.AsType[*gqlerror.Error](err)
	if !ok {
		gqlErr = gqlerror.Wrap(err)
	}
	return e.executor.DispatchError(ctx, gqlerror.List{gqlErr})
}

// answer writes a response once.
type answer struct {
	w         http.ResponseWriter
	mediaType string
	status    int // 0: by the response
}

func (a *answer) refuse(ctx context.Context, e endpoint, problem *refusal) {
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
	body := encode(response)
	h := a.w.Header()
	h.Set("Content-Type", a.mediaType+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Add("Vary", "Accept")
	a.w.WriteHeader(status)
	_, _ = a.w.Write(body) // whoever asked has gone
}

// encode writes a response with errors first (GraphQL, section 7.1). It takes
// data as it was resolved, and leaves it out where nothing was: a request
// error has none.
func encode(response *graphql.Response) []byte {
	var b bytes.Buffer
	b.Grow(len(response.Data) + 512)
	b.WriteByte('{')
	member := func(name string, value []byte) {
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + name + `":`)
		b.Write(value)
	}
	if len(response.Errors) > 0 {
		member("errors", mustMarshal(response.Errors))
	}
	if response.Data != nil {
		member("data", response.Data)
	}
	if len(response.Extensions) > 0 {
		member("extensions", mustMarshal(response.Extensions))
	}
	b.WriteByte('}')
	return b.Bytes()
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
