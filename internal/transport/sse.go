package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/identity"
)

// keepAliveEvery is the interval of keep-alive comments in an event stream, for proxies that close idle connections
// (HTML, "Server-sent events", authoring notes).
const keepAliveEvery = 15 * time.Second

var errTokenEnded = errors.New("the access token has expired")

// detached returns a context with the values of a request's context but without its timeout. It ends when the client
// disconnects.
func detached(ctx, whole context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(whole, func() { cancel(context.Cause(whole)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// serveEvents executes an operation and sends a stream of events: next for each response, and complete at the end
// (GraphQL over Server-Sent Events, distinct connections mode,
// https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md). When the caller's token expires, the stream ends
// with an error. When the gateway shuts down, it ends without complete, so that clients reconnect.
func (e *Endpoint) serveEvents(ctx context.Context, w http.ResponseWriter, operation *graphql.OperationContext, record *recorder, end, resolved func()) *rejection {
	live := operation.Operation.Operation == ast.Subscription
	caller := identity.From(ctx)
	if live {
		counted, problem := e.streams.admit(caller.Key())
		if problem != nil {
			return problem
		}
		defer counted()
	}
	if caller != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, caller.Expires, errTokenEnded)
		defer cancel()
	}
	ctx, cancel := e.bound(ctx, operation, end)
	responses := make(chan *graphql.Response)
	var pulling sync.WaitGroup
	pulling.Go(func() {
		defer close(responses)
		e.pull(ctx, operation, responses, resolved)
	})
	defer func() {
		cancel()
		for range responses { // discard the remaining responses
		}
		pulling.Wait()
	}()

	stream := eventStream{w, e.opts.RequestTimeout, record}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // httptest.ResponseRecorder does not support it
	if stream.begin() != nil {
		return nil
	}
	alive := time.NewTicker(keepAliveEvery)
	defer alive.Stop()
	for {
		var err error
		select {
		case response, more := <-responses:
			switch {
			case more:
				e.opts.Authenticator.challengeIn(response.Errors)
				err = stream.send("next", record.encode(response))
			case errors.Is(context.Cause(ctx), errTokenEnded):
				_ = stream.last(e.failure(ctx, &gqlerror.Error{Message: tokenEnded.reason, Extensions: map[string]any{"code": "UNAUTHENTICATED"}}))
				return nil
			case live && ctx.Err() != nil: // the client disconnected or the gateway shuts down
				return nil
			default:
				_ = stream.send("complete", nil)
				return nil
			}
		case <-alive.C:
			err = stream.write([]byte(":\n\n"))
		}
		if err != nil {
			return nil // the client disconnected or does not read
		}
	}
}

// pull sends the responses of an operation to the channel until the operation ends.
func (e *Endpoint) pull(ctx context.Context, operation *graphql.OperationContext, to chan<- *graphql.Response, resolved func()) {
	defer func() {
		if p := recover(); p != nil {
			to <- e.failure(ctx, e.opts.Executor.PresentRecoveredError(ctx, p))
		}
	}()
	live := operation.Operation.Operation == ast.Subscription
	responses, ctx := e.opts.Executor.DispatchOperation(ctx, operation)
	for {
		response := responses(ctx)
		resolved()
		switch {
		case response == nil && live, errors.Is(context.Cause(ctx), errTokenEnded):
			return
		case response == nil:
			response = e.failure(ctx, context.Cause(ctx))
		}
		to <- response
		if !live {
			return
		}
	}
}

// eventStream writes events (HTML, "Server-sent events"). The JSON that the gateway encodes has no line breaks.
type eventStream struct {
	w       http.ResponseWriter
	timeout time.Duration // write timeout of an event
	record  *recorder
}

func (s eventStream) begin() error {
	h := s.w.Header()
	h.Set("Content-Type", mediaTypeEvents)
	h.Set("X-Accel-Buffering", "no") // nginx would buffer events
	h.Add("Vary", "Accept")
	return s.write([]byte(":\n\n")) // a compressed stream without content is not flushed
}

// once writes a whole stream with one response.
func (s eventStream) once(response *graphql.Response) error {
	return errors.Join(s.begin(), s.last(response))
}

func (s eventStream) last(response *graphql.Response) error {
	return errors.Join(s.send("next", s.record.encode(response)), s.send("complete", nil))
}

func (s eventStream) send(event string, data net.Buffers) error {
	parts := append(net.Buffers{[]byte("event: " + event + "\ndata: ")}, data...) // EventSource ignores events without data
	return s.write(append(parts, []byte("\n\n"))...)
}

func (s eventStream) write(parts ...[]byte) error {
	connection := http.NewResponseController(s.w)
	_ = connection.SetWriteDeadline(time.Now().Add(s.timeout)) // httptest.ResponseRecorder does not support it
	for _, part := range parts {
		if _, err := s.w.Write(part); err != nil {
			return err
		}
	}
	return connection.Flush()
}
