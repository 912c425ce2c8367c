package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"licensegraph/internal/config"
	"licensegraph/internal/licensing"
)

// hangups are the SIGHUP signals of the process: main subscribes the channel.
var hangups = make(chan os.Signal, 1)

// source is a file, or several that belong together, that the program reads again.
type source struct {
	flag    string
	what    string
	watched bool   // it is also read again when it changes
	failed  string // the effect of a problem; empty means that the previous content remains in use
	// read uses the current content, or returns an error with the file but without its content, and changes nothing. It
	// reports whether the content has changed.
	read func() (changed bool, err error)

	mu      sync.Mutex // one read at a time
	problem string     // the last one that was logged
}

// watchEvery is the interval of checking watched files.
const watchEvery = 10 * time.Second

// watch reads the source at each tick, until the context ends. It logs a change, and a problem once.
func (s *source) watch(ctx context.Context, logger *slog.Logger, ticks <-chan time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		s.mu.Lock()
		before := s.problem
		changed, err := s.again()
		if changed {
			logger.InfoContext(ctx, "reloaded "+s.what)
		}
		if err != nil && s.problem != before {
			s.log(ctx, logger, err)
		}
		s.mu.Unlock()
	}
}

// again reads the source and records the problem.
func (s *source) again() (changed bool, err error) {
	changed, err = s.read()
	s.problem = ""
	if err != nil {
		s.problem = err.Error()
	}
	return changed, err
}

func (s *source) log(ctx context.Context, logger *slog.Logger, err error) {
	logger.ErrorContext(ctx, "cannot reload "+s.what+"; "+cmp.Or(s.failed, "the previous content remains in use"), "cause", err.Error())
}

// reloadAt reads all sources at each signal, until the context ends.
func reloadAt(ctx context.Context, signals <-chan os.Signal, sources []*source, logger *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
		}
		read, failed := []string{}, []string{}
		for _, s := range sources {
			s.mu.Lock()
			if _, err := s.again(); err != nil {
				s.log(ctx, logger, err)
				failed = append(failed, "--"+s.flag)
			} else {
				read = append(read, "--"+s.flag)
			}
			s.mu.Unlock()
		}
		logger.InfoContext(ctx, "reloaded after SIGHUP", "files", read, "failed", failed)
	}
}

// newSources returns what SIGHUP reads again, as configured.
func (a *app) newSources() []*source {
	var all []*source
	add := func(flag, file, what string, read func() error) {
		if file != "" {
			all = append(all, &source{flag: flag, what: what, read: func() (bool, error) { return false, read() }})
		}
	}
	add("client-secret-file", a.cfg.ClientSecretFile, "the client secret", a.cfg.CheckCredential)
	add("client-certificate-file", a.cfg.ClientCertificateFile, "the client certificate", a.cfg.CheckCredential)
	add("federated-token-file", a.cfg.FederatedTokenFile, "the federated token", a.cfg.CheckCredential)
	for _, credential := range all { // each token request reads it, so this only reports a problem in advance
		credential.failed = "the cached access token remains in use until it expires"
	}
	add("product-names", a.cfg.ProductNames, "the product names", func() error { return readNames(a.cfg) })
	add("price-file", a.cfg.PriceFile, "the prices", func() error { return readPrices(a.cfg) })
	add("trusted-documents", a.cfg.TrustedDocuments, "the trusted documents", a.trusted.Reload)
	if a.cfg.CursorKeyFile != "" {
		all = append(all, a.newCursorKeySource())
	}
	if a.certificate != nil {
		all = append(all, &source{flag: "tls-cert-file", what: "the TLS certificate", watched: true, read: a.certificate.reload})
	}
	return all
}

// newCursorKeySource returns the source of the cursor keys.
func (a *app) newCursorKeySource() *source {
	last := a.cfg.CursorKeys
	return &source{flag: "cursor-key-file", what: "the cursor key", watched: true, read: func() (bool, error) {
		keys, err := a.cfg.ReadCursorKeys()
		if err != nil || slices.EqualFunc(keys, last, bytes.Equal) {
			return false, err
		}
		if err := a.resolver.ChangeCursorKeys(keys); err != nil {
			return false, err
		}
		last = keys
		return true, nil
	}}
}

// readNames reads the operator's names of products and service plans, if configured.
func readNames(cfg *config.Config) error {
	return readTable("product-names", cfg.ProductNames, func(r io.Reader) error {
		_, _, err := licensing.AddNames(r)
		return err
	})
}

// readPrices reads the operator's prices, if configured.
func readPrices(cfg *config.Config) error {
	return readTable("price-file", cfg.PriceFile, licensing.SetPrices)
}

// readTable reads the operator's CSV file of a flag, if configured.
func readTable(flag, file string, read func(io.Reader) error) error {
	if file == "" {
		return nil
	}
	f, err := os.Open(file) // its error has the path
	if err == nil {
		defer f.Close()
		if err = read(f); err != nil {
			err = fmt.Errorf("%s: %w", file, err)
		}
	}
	if err != nil {
		return &config.SetupError{Err: fmt.Errorf("--%s: %w", flag, err)}
	}
	return nil
}
