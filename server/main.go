// Command server is the gateway: GraphQL over the licensing data of Microsoft
// Graph, over HTTP. Without configuration it serves an embedded tenant with
// made-up people. It is for one machine or many replicas, and it refuses to
// serve a real tenant's data to a network unless its callers say who they are.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"licensegraph/internal/config"
	"licensegraph/internal/embedded"
	"licensegraph/internal/licensing"
	"licensegraph/internal/logs"
)

func main() {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	// A terminal that is closed ends nothing, and neither does a reader of standard output who has gone: writing fails
	// then, and says so.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	go func() { // as long as the process
		if <-signals == syscall.SIGTERM {
			stop(errTerminated)
		}
		stop(nil)
		<-signals
		report(os.Stderr, errors.New("ended at once, by a second signal"))
		os.Exit(1)
	}()
	setMemoryLimit = debug.SetMemoryLimit
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	report(os.Stderr, err)
	os.Exit(exitCode(err))
}

// errTerminated is why the context ends where a platform ends the process: it may send requests for a while yet.
var errTerminated = errors.New("terminated")

// run serves until the context ends and what is under way is done.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	if len(args) > 0 && args[0] == "embedded" {
		return embedded.Run(ctx, args[1:], getenv, stdout, stderr)
	}
	cfg, err := config.Load(args, getenv, stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	limitMemory(cfg, getenv)
	logger := logs.New(stderr, cfg.LogLevel, cfg.LogFormat)

	if err := readProductNames(cfg.ProductNames); err != nil {
		return err
	}
	listeners, err := listen(cfg)
	if err != nil {
		return &config.SetupError{Err: err}
	}
	auditStream, end, err := logs.OpenAudit(cfg.AuditLog, stdout, stderr)
	if err != nil {
		listeners.close()
		return &config.SetupError{Err: fmt.Errorf("--audit-log: %w", err)}
	}
	defer end() //nolint:errcheck // each record was written at once
	app, err := newApp(cfg, listeners, logs.NewAudit(auditStream, logger), logger)
	if err != nil {
		listeners.close()
		return err
	}
	cfg.Log(ctx, logger)
	app.announce(ctx, stderr)
	return app.serve(ctx)
}

// readProductNames reads the operator's names of products and service plans, where there are any.
func readProductNames(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		_, _, err = licensing.AddNames(f)
	}
	if err != nil {
		return &config.SetupError{Err: fmt.Errorf("--product-names: %w", err)}
	}
	return nil
}

// setMemoryLimit is nothing where the program is not alone in its process.
var setMemoryLimit = func(int64) int64 { return 0 }

// otherMemory is what the gateway takes besides answers, with some room.
const otherMemory = 128 << 20

// limitMemory has garbage collected before the program takes much more memory than answers may: what remains of writing them
// would double it. GOMEMLIMIT takes precedence. How much the embedded tenant takes is up to its people.
func limitMemory(cfg *config.Config, getenv func(string) string) {
	if getenv("GOMEMLIMIT") == "" && !cfg.ServesEmbedded() {
		setMemoryLimit(cfg.MaxAnswersBytes + otherMemory)
	}
}

// exitCode is 0 after a clean end, 2 when nothing was served because of the
// setup, and 1 otherwise.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*config.SetupError](err); ok {
		return 2
	}
	return 1
}

// report writes each problem on a line of its own, as joined errors have them.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	for problem := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "licensegraph: %s\n", strings.TrimSuffix(problem, "\n"))
	}
}

// listeners are the open addresses. Listening comes before anything is
// served, so that a taken address shows at once and port 0 becomes a port.
type listeners struct {
	gateway  net.Listener
	embedded net.Listener // nil without the embedded tenant
}

func listen(cfg *config.Config) (listeners, error) {
	var l listeners
	var errs []error
	var err error
	if l.gateway, err = net.Listen("tcp", cfg.Listen); err != nil {
		errs = append(errs, fmt.Errorf("--listen: %w", err))
	}
	if cfg.ServesEmbedded() {
		if l.embedded, err = net.Listen("tcp", cfg.Embedded.Listen); err != nil {
			errs = append(errs, fmt.Errorf("--embedded-listen: %w", err))
		}
	}
	if len(errs) > 0 {
		l.close()
		return listeners{}, errors.Join(errs...)
	}
	return l, nil
}

func (l listeners) close() {
	for _, listener := range []net.Listener{l.gateway, l.embedded} {
		if listener != nil {
			_ = listener.Close() // it was never used
		}
	}
}
