package transport

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"licensegraph/internal/identity"
	"licensegraph/internal/limits"
	"licensegraph/internal/logs"
)

// subprotocol is the WebSocket subprotocol of https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md.
const subprotocol = "graphql-transport-ws"

// Close codes of the subprotocol.
const (
	closeInvalid     websocket.StatusCode = 4400
	closeNoCaller    websocket.StatusCode = 4401
	closeForbidden   websocket.StatusCode = 4403 // clients reconnect with a new token
	closeSubprotocol websocket.StatusCode = 4406
	closeInitLate    websocket.StatusCode = 4408
	closeIDTaken     websocket.StatusCode = 4409
	closeInitAgain   websocket.StatusCode = 4429
)

const (
	pingEvery     = 30 * time.Second
	pongWait      = 20 * time.Second
	closeWait     = 5 * time.Second // for the client's close frame
	operationID   = 128             // bytes
	closeReason   = 123             // bytes (RFC 6455, section 5.5)
	socketVersion = "13"            // RFC 6455, section 4.2.1
)

// isUpgrade reports whether a request is a WebSocket handshake.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// checkUpgrade rejects an invalid handshake (RFC 6455, section 4.2.1).
func checkUpgrade(r *http.Request) *rejection {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case r.Header.Get("Sec-WebSocket-Version") != socketVersion:
		return &rejection{http.StatusUpgradeRequired, "Unsupported WebSocket version: use 13.", map[string]string{"Sec-WebSocket-Version": socketVersion, "Upgrade": "websocket", "Connection": "Upgrade"}, nil}
	case err != nil || len(key) != 16 || len(r.Header.Values("Sec-WebSocket-Key")) != 1 || !strings.Contains(strings.ToLower(r.Header.Get("Connection")), "upgrade"):
		return badRequest("Malformed WebSocket handshake.")
	}
	return nil
}

// serveSocket serves operations over a WebSocket until it closes. The caller authenticates with a header of the
// handshake or, as browsers require, with connection_init.
func (e *Endpoint) serveSocket(w http.ResponseWriter, r *http.Request) {
	record := e.record(r.Context(), "websocket") // of a rejected connection
	defer record.end()
	a := response{w: w, mediaType: mediaTypeJSON, record: record}
	problem := checkUpgrade(r)
	ctx := r.Context()
	if problem == nil && len(r.Header.Values("Authorization")) > 0 {
		ctx, problem = e.opts.Authenticator.request(r)
	}
	var done func()
	if problem == nil {
		done, problem = e.streams.begin()
	}
	if problem != nil {
		a.reject(graphql.StartOperationTrace(ctx), e, problem)
		return
	}
	defer done()
	hijacked := &hijacker{ResponseWriter: w}
	handshake := r.Clone(ctx)
	handshake.Header.Del("Origin") // sameOrigin has checked it, with rules that differ from the library's
	conn, err := websocket.Accept(hijacked, handshake, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		return // the library has sent the error
	}
	conn.SetReadLimit(e.opts.BodyBytes)
	s := &socket{
		Endpoint: e, header: r.Header, conn: conn, raw: hijacked.conn, whole: ctx,
		messages: rate.NewLimiter(rate.Limit(2*e.opts.Quota.Rate), 2*e.opts.Quota.Burst),
		began:    make(chan time.Time, 1), operations: map[string]*socketOperation{},
	}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.serve()
}

// hijacker records the connection that the WebSocket takes over.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, buffer, err
}

// socket is one WebSocket. One goroutine reads, one watches timeouts, and one pings. Each operation has a goroutine
// that also writes its responses: a client that reads slowly delays its own operations, up to the write timeout.
type socket struct {
	*Endpoint
	header   http.Header // headers of the handshake
	conn     *websocket.Conn
	raw      net.Conn
	whole    context.Context // ends with the process; canceling a read or a write would close the connection
	ctx      context.Context // ends when the connection closes
	cancel   context.CancelFunc
	messages *rate.Limiter
	began    chan time.Time // expiry of the caller's token; zero means none
	once     sync.Once      // guards close

	// Used by the reader only.
	caller  context.Context // context with the caller; nil before connection_init
	ends    time.Time
	counted func()
	number  int // number of operations so far

	mu         sync.Mutex
	closing    bool                        // no operation may start
	operations map[string]*socketOperation // by the client's IDs
	running    int                         // number of operations, including those that the client has completed
	group      sync.WaitGroup
}

// socketOperation is one operation on a WebSocket.
type socketOperation struct {
	id     string
	cancel context.CancelFunc
}

// message is a message of either side.
type message struct {
	ID      *string         `json:"id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
}

// closing is the code and the reason for closing a connection.
type closing struct {
	code   websocket.StatusCode
	reason string
}

func invalid(reason string) *closing { return &closing{closeInvalid, reason} }

func (s *socket) serve() {
	var watching sync.WaitGroup
	watching.Go(s.watch)
	watching.Go(s.ping)
	if s.conn.Subprotocol() != subprotocol {
		s.close(closing{closeSubprotocol, "Subprotocol not acceptable"})
	} else if why := s.read(); why != nil {
		s.close(*why)
	}
	s.cancel()
	watching.Wait()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.group.Wait()
	_ = s.raw.Close() // in any state
	_ = s.conn.CloseNow()
	if s.counted != nil {
		s.counted()
	}
}

// close cancels the operations and closes the connection, once.
func (s *socket) close(why closing) {
	s.once.Do(func() {
		s.mu.Lock()
		s.closing = true
		s.mu.Unlock()
		s.cancel()
		_ = s.raw.SetDeadline(time.Now().Add(closeWait))
		_ = s.conn.Close(why.code, limits.Cut(why.reason, closeReason-len("…"))) // the client may have disconnected
	})
}

// watch closes the connection on a timeout or a shutdown.
func (s *socket) watch() {
	why := closing{closeInitLate, "Connection initialisation timeout"}
	limit := time.NewTimer(s.opts.InitTimeout)
	defer limit.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case ends := <-s.began:
			if limit.Stop(); !ends.IsZero() {
				why = tokenEnded
				limit.Reset(time.Until(ends))
			}
		case <-limit.C:
			s.close(why)
			return
		case <-s.streams.life.Done():
			s.mu.Lock()
			s.closing = true
			s.mu.Unlock()
			s.group.Wait() // subscriptions end with s.streams.life
			s.close(closing{websocket.StatusGoingAway, "The gateway is shutting down."})
			return
		}
	}
}

var tokenEnded = closing{closeForbidden, "The access token has expired: open a connection with a new one."}

// ping detects clients that disconnected.
func (s *socket) ping() {
	ticker := time.NewTicker(pingEvery)
	defer ticker.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-ticker.C:
			ctx, cancel := context.WithTimeout(s.ctx, pongWait)
			err := s.conn.Ping(ctx)
			cancel()
			if err != nil && s.ctx.Err() == nil {
				_ = s.raw.Close() // ends the reader
				return
			}
		}
	}
}

// read handles messages until the connection ends, or returns a reason to close it.
func (s *socket) read() *closing {
	for {
		kind, text, err := s.next()
		switch {
		case err != nil:
			return nil
		case kind != websocket.MessageText:
			return invalid("Invalid message: want text.")
		}
		if err := s.opts.Limits.CheckJSON(text); err != nil {
			return invalid(err.Message)
		}
		var m message
		if decode(text, &m) != nil || m.Type == "" {
			return invalid("Invalid message: want a JSON object with a type.")
		}
		if why := s.handle(m); why != nil {
			return why
		}
	}
}

// next returns a message. The timeout applies from the first byte of the message.
func (s *socket) next() (websocket.MessageType, []byte, error) {
	if err := s.messages.Wait(s.ctx); err != nil {
		return 0, nil, err
	}
	kind, r, err := s.conn.Reader(s.whole)
	if err != nil {
		return 0, nil, err
	}
	late := time.AfterFunc(s.opts.RequestTimeout, func() { _ = s.raw.Close() })
	defer late.Stop()
	text, err := io.ReadAll(r)
	return kind, text, err
}

func (s *socket) handle(m message) *closing {
	switch m.Type {
	case "connection_init":
		return s.initialise(m.Payload)
	case "ping":
		s.send([]byte(`{"type":"pong"}`))
		return nil
	case "pong":
		return nil
	case "subscribe":
		return s.subscribe(m)
	case "complete":
		if m.ID == nil {
			return invalid("Invalid message: missing id.")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if op := s.operations[*m.ID]; op != nil { // the operation may have ended
			delete(s.operations, *m.ID)
			op.cancel()
		}
		return nil
	}
	return invalid("Invalid message: unknown type.")
}

// initialise handles connection_init and authenticates the caller.
func (s *socket) initialise(payload json.RawMessage) *closing {
	if s.caller != nil {
		return &closing{closeInitAgain, "Too many initialisation requests"}
	}
	header, why := authorization(payload)
	if why != nil {
		return why
	}
	ctx := s.whole
	if given := identity.From(ctx); given == nil {
		var problem *rejection
		if ctx, problem = s.opts.Authenticator.request((&http.Request{Header: header, RemoteAddr: s.raw.RemoteAddr().String()}).WithContext(ctx)); problem != nil {
			return rejectedConnection(problem)
		}
	} else if token, problem := bearer(header); len(header) > 0 && (problem != "" || token != given.Token.Reveal()) {
		return &closing{closeNoCaller, "The access tokens in the handshake and connection_init differ."}
	}
	if caller := identity.From(ctx); caller != nil {
		s.ends = caller.Expires
	}
	var problem *rejection
	if s.counted, problem = s.streams.admit(identity.From(ctx).Key()); problem != nil {
		return rejectedConnection(problem)
	}
	s.caller = ctx
	s.began <- s.ends
	s.send([]byte(`{"type":"connection_ack"}`))
	return nil
}

// rejectedConnection returns the close code and reason for a rejected request.
func rejectedConnection(problem *rejection) *closing {
	switch problem.status {
	case http.StatusUnauthorized:
		return &closing{closeNoCaller, problem.text}
	case http.StatusForbidden:
		return &closing{closeForbidden, problem.text}
	}
	return &closing{websocket.StatusTryAgainLater, problem.text}
}

// authorization reads the payload of connection_init: its member Authorization has the value of the header of that
// name.
func authorization(payload json.RawMessage) (http.Header, *closing) {
	var members map[string]json.RawMessage
	if len(payload) > 0 && decode(payload, &members) != nil {
		return nil, invalid("The payload of connection_init is not a JSON object.")
	}
	header := http.Header{}
	for name, value := range members {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		var text *string
		if decode(value, &text) != nil {
			return nil, invalid("Authorization in the payload of connection_init is not a JSON string.")
		}
		if text != nil {
			header.Add("Authorization", *text)
		}
	}
	return header, nil
}

// subscribe starts an operation of any type.
func (s *socket) subscribe(m message) *closing {
	switch {
	case s.caller == nil:
		return &closing{closeNoCaller, "Unauthorized"}
	case m.ID == nil || *m.ID == "" || len(*m.ID) > operationID:
		return invalid(fmt.Sprintf("Invalid message: want an id of at most %d bytes.", operationID))
	case !s.ends.IsZero() && !time.Now().Before(s.ends): // the timer of watch does not run while the machine sleeps
		return &tokenEnded
	}
	start := graphql.Now()
	params, problem := readParams("payload", m.Payload)
	if problem == nil {
		problem = checkQuery(params)
	}
	if problem != nil {
		return invalid(problem.text)
	}
	params.Headers = s.header
	params.ReadTime = graphql.TraceTiming{Start: start, End: graphql.Now()}

	s.number++
	ctx := logs.WithRequestID(s.caller, fmt.Sprintf("%s.%d", logs.RequestID(s.whole), s.number))
	ctx, cancel := context.WithCancel(graphql.StartOperationTrace(ctx))
	op := &socketOperation{*m.ID, cancel}
	end, why := s.begin(ctx, op)
	if end == nil {
		cancel()
		return why
	}
	stop := context.AfterFunc(s.ctx, cancel)
	go func() {
		defer s.group.Done()
		defer end()
		defer cancel()
		defer stop()
		s.run(ctx, op, params, end)
	}()
	return nil
}

// begin registers an operation if the limits permit. Call end when it has ended.
func (s *socket) begin(ctx context.Context, op *socketOperation) (end func(), why *closing) {
	s.mu.Lock()
	_, taken := s.operations[op.id]
	closes, busy := s.closing, s.running >= s.opts.Quota.PerCaller
	s.mu.Unlock() // only the reader starts operations
	switch {
	case taken:
		return nil, &closing{closeIDTaken, "Subscriber for " + op.id + " already exists"}
	case closes:
		return nil, nil
	}
	var admitted func()
	problem := &rejection{text: fmt.Sprintf("The connection has %d concurrent operations, which is its limit.", s.opts.Quota.PerCaller), extensions: map[string]any{"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": 1}}
	if !busy {
		admitted, problem = s.admit(ctx)
	}
	if problem != nil {
		record := s.record(ctx, "websocket")
		defer record.end()
		s.send(operationMessage(op.id, "error", record.encodeErrors(s.failure(ctx, &gqlerror.Error{Message: problem.text, Extensions: problem.extensions})))...)
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		admitted()
		return nil, nil
	}
	s.operations[op.id] = op
	s.running++
	s.group.Add(1)
	return admitted, nil
}

// run executes an operation and sends its responses until it ends or the client completes it.
func (s *socket) run(ctx context.Context, op *socketOperation, params *graphql.RawParams, end func()) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
	}()
	record := s.record(ctx, "websocket")
	defer record.end()
	defer func() {
		if p := recover(); p != nil {
			s.finish(op, "error", record.encodeErrors(s.failure(ctx, s.opts.Executor.PresentRecoveredError(ctx, p))))
		}
	}()
	operation, refused := s.prepare(ctx, params)
	record.prepared(operation)
	if refused != nil {
		s.finish(op, "error", record.encodeErrors(refused))
		return
	}
	ctx, cancel := s.bound(ctx, operation, end)
	defer cancel()
	resolved, problem := s.turn(ctx, operation)
	if problem != nil {
		s.finish(op, "error", record.encodeErrors(s.failure(ctx, &gqlerror.Error{Message: problem.text, Extensions: problem.extensions})))
		return
	}
	defer resolved()
	ctx, sent := s.responses.Begin(ctx)
	defer sent()
	responses, ctx := s.opts.Executor.DispatchOperation(ctx, operation)
	for {
		response := responses(ctx)
		resolved()
		switch {
		case response == nil && operation.Operation.Operation == ast.Subscription:
			s.finish(op, "complete")
			return
		case response == nil:
			response = s.failure(ctx, context.Cause(ctx))
		}
		s.opts.Authenticator.challengeIn(response.Errors)
		if response.Data == nil {
			s.finish(op, "error", record.encodeErrors(response))
			return
		}
		if !s.under(op) {
			return
		}
		s.send(operationMessage(op.id, "next", record.encode(response)...)...)
		if operation.Operation.Operation != ast.Subscription {
			s.finish(op, "complete")
			return
		}
	}
}

// bound limits the duration of an operation: a query or a mutation by the request timeout, a subscription by the
// gateway's lifetime. A subscription does not count as a concurrent operation.
func (e *Endpoint) bound(ctx context.Context, operation *graphql.OperationContext, end func()) (context.Context, context.CancelFunc) {
	if operation.Operation.Operation != ast.Subscription {
		return context.WithTimeout(ctx, e.opts.RequestTimeout)
	}
	end()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(e.streams.life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// under reports whether the client still waits for an operation.
func (s *socket) under(op *socketOperation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.operations[op.id] == op && s.ctx.Err() == nil
}

// finish sends the last message of an operation, unless the client has completed it, and frees its ID.
func (s *socket) finish(op *socketOperation, kind string, payload ...[]byte) {
	s.mu.Lock()
	waited := s.operations[op.id] == op && s.ctx.Err() == nil
	if waited {
		delete(s.operations, op.id)
	}
	s.mu.Unlock()
	if waited {
		s.send(operationMessage(op.id, kind, payload...)...)
	}
}

func operationMessage(id, kind string, payload ...[]byte) net.Buffers {
	parts := net.Buffers{[]byte(`{"id":`), mustMarshal(id), []byte(`,"type":"` + kind + `"`)}
	if payload != nil {
		parts = append(append(parts, []byte(`,"payload":`)), payload...)
	}
	return append(parts, []byte("}"))
}

// longMessage is the minimum size of a message that is written in parts, which avoids a second copy in memory.
const longMessage = 64 << 10

// send writes a message. It closes the connection if the client does not read it in time.
func (s *socket) send(message ...[]byte) {
	ctx, cancel := context.WithTimeout(s.whole, s.opts.RequestTimeout)
	defer cancel()
	if err := s.write(ctx, message); err != nil && !errors.Is(err, net.ErrClosed) {
		_ = s.raw.Close() // ends the reader
	}
}

func (s *socket) write(ctx context.Context, message net.Buffers) error {
	if length(message) < longMessage {
		return s.conn.Write(ctx, websocket.MessageText, bytes.Join(message, nil))
	}
	w, err := s.conn.Writer(ctx, websocket.MessageText)
	if err != nil {
		return err
	}
	_, err = message.WriteTo(w)
	return errors.Join(err, w.Close())
}
