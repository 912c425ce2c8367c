// Command server is a GraphQL gateway for the licensing data of Microsoft Graph. Without configuration it serves an
// embedded tenant with fictitious users. It runs as one process or as replicas, and serves a real tenant's data to a
// network only if callers are authenticated.
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

	"github.com/KimMachineGun/automemlimit/memlimit"

	"licensegraph/internal/config"
	"licensegraph/internal/embedded"
	"licensegraph/internal/logs"
)

func main() {
	ctx, stop := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	signal.Notify(hangups, syscall.SIGHUP) // closing the terminal does not end the process either
	// Writes to a closed standard output return an error.
	signal.Ignore(syscall.SIGPIPE)
	go func() { // runs until the process ends
		if <-signals == syscall.SIGTERM {
			stop(errTerminated)
		}
		stop(nil)
		<-signals
		report(os.Stderr, errors.New("ended by a second signal"))
		os.Exit(1)
	}()
	memory = &runtimeMemory{limit: debug.SetMemoryLimit, container: memlimit.FromCgroup}
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	report(os.Stderr, err)
	os.Exit(exitCode(err))
}

// errTerminated is the cause of a context that ends with SIGTERM: the platform may still send requests for a while.
var errTerminated = errors.New("terminated")

// run serves until the context ends and requests in progress are complete.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "embedded":
			return embedded.Run(ctx, args[1:], getenv, stdout, stderr)
		case "healthcheck":
			return healthcheck(ctx, args[1:], getenv)
		case "--version":
			version(stdout)
			return nil
		}
	}
	cfg, err := config.Load(args, getenv, stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	logger := logs.New(stderr, cfg.LogLevel, cfg.LogFormat)
	memory.set(ctx, cfg, getenv, logger)

	if err := errors.Join(readNames(cfg), readPrices(cfg)); err != nil {
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
	defer end() //nolint:errcheck // records are not buffered
	app, err := newApp(cfg, listeners, logs.NewAudit(auditStream, logger), logger)
	if err != nil {
		listeners.close()
		return err
	}
	cfg.Log(ctx, logger)
	app.announce(ctx, stderr)
	return app.serve(ctx)
}

// exitCode returns 0 after a regular end, 2 for a [config.SetupError], and 1 otherwise.
func exitCode(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[*config.SetupError](err); ok {
		return 2
	}
	return 1
}

// report writes joined errors, one per line.
func report(w io.Writer, err error) {
	if err == nil {
		return
	}
	for problem := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "licensegraph: %s\n", strings.TrimSuffix(problem, "\n"))
	}
}

// listeners are the open listeners. They are opened before anything is served, so that an address in use is reported at
// once and port 0 is resolved.
type listeners struct {
	gateway  net.Listener
	embedded net.Listener // nil without the embedded tenant
	admin    net.Listener // nil without --admin-listen
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
	if cfg.AdminListen != "" {
		if l.admin, err = net.Listen("tcp", cfg.AdminListen); err != nil {
			errs = append(errs, fmt.Errorf("--admin-listen: %w", err))
		}
	}
	if len(errs) > 0 {
		l.close()
		return listeners{}, errors.Join(errs...)
	}
	return l, nil
}

func (l listeners) close() {
	for _, listener := range []net.Listener{l.gateway, l.embedded, l.admin} {
		if listener != nil {
			_ = listener.Close() // unused
		}
	}
}
