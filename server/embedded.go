package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/config"
	"licensegraph/internal/emulator"
	"licensegraph/internal/logs"
)

// scopes are what a token can let its bearer do: a person's scopes, and with .All the app roles of people and
// applications. The schema says which field takes which.
var scopes = []string{"Licenses.Read", "Licenses.ReadPersonal", "Licenses.ReadErrors", "Licenses.Write"}

// assignRoles gives some of the embedded tenant's people, and its application, app roles at the gateway.
func assignRoles(tenant *emulator.Emulator) {
	for principal, n := range map[string]int{
		tenant.PersonInRole("Global Administrator"):  len(scopes),
		tenant.PersonInRole("License Administrator"): len(scopes),
		tenant.PersonInRole("Global Reader"):         len(scopes) - 1, // all but writing
		tenant.ClientID():                            len(scopes),
	} {
		var roles []string
		for _, scope := range scopes[:n] {
			roles = append(roles, scope+".All")
		}
		tenant.AssignAppRoles(principal, roles...)
	}
}

// openEmbedded makes the embedded tenant. flag is how a setting of it is written.
func openEmbedded(c *config.Embedded, flag func(name string) string, signIn emulator.SignIn) (*emulator.Emulator, error) {
	opts := emulator.Options{Users: c.Users, Seed: c.Seed, Control: c.Control, SignIn: signIn}
	var problems []error
	note := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", flag(name), err))
		}
	}
	switch c.Control {
	case "local":
		opts.Control = ""
	case "open", "off":
	default:
		note("control", fmt.Errorf("%q is none of local, open, off", c.Control))
	}
	for _, text := range c.Variants {
		note("variant", opts.Variants.Set(text))
	}
	var faults []emulator.Fault
	for _, text := range c.Faults {
		f, err := emulator.ParseFault(text)
		note("fault", err)
		faults = append(faults, f)
	}
	if c.State != "" {
		var err error
		opts.State, err = os.Open(c.State) // For as long as the tenant lives: a reset reads it again.
		note("state", err)
	}
	if problems != nil {
		return nil, &setupError{errors.Join(problems...)}
	}
	tenant, err := emulator.Open(opts)
	if err != nil {
		return nil, &setupError{fmt.Errorf("%s: %w", flag("state"), err)}
	}
	for _, f := range faults {
		tenant.Inject(f)
	}
	return tenant, nil
}

// saveEmbedded writes the tenant to a file where one is wanted: all of it or nothing.
func saveEmbedded(c *config.Embedded, tenant *emulator.Emulator) error {
	if c.SaveState == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(c.SaveState), filepath.Base(c.SaveState)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // It is not there any more when all went well.
	if err := errors.Join(tenant.Save(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.SaveState)
}

// runEmbedded serves the embedded tenant alone until the context ends.
func runEmbedded(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	cfg, err := config.LoadCommand(args, getenv, stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return nil
	case err != nil:
		return &setupError{err}
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return &setupError{fmt.Errorf("--listen: %w", err)}
	}
	defer l.Close() // Serving closes it too.
	signIn := emulator.SignIn{RedirectURIs: cfg.RedirectURIs, SinglePage: cfg.SinglePageURIs, Scopes: append([]string{"access_as_user"}, scopes...)}
	tenant, err := openEmbedded(&cfg.Embedded, func(name string) string { return "--" + name }, signIn)
	if err != nil {
		return err
	}
	assignRoles(tenant)
	address := baseURL(l)
	server := newEmbeddedServer(tenant, logs.New(stderr, "info", "text"))
	if cfg.TLS {
		address = strings.Replace(address, "http:", "https:", 1)
		certificate, authority, err := emulator.ServerCertificate(l.Addr().(*net.TCPAddr).IP.String())
		if err != nil {
			return err
		}
		if cfg.CAFile != "" {
			if err := os.WriteFile(cfg.CAFile, authority, 0o644); err != nil {
				return &setupError{fmt.Errorf("--ca-file: %w", err)}
			}
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	}
	if cfg.CertificateFile != "" {
		certificate, key := tenant.Certificate()
		if err := writePrivate(cfg.CertificateFile, append(certificate, key...)); err != nil {
			return &setupError{fmt.Errorf("--certificate-file: %w", err)}
		}
	}
	fmt.Fprintf(stdout, "Microsoft Graph  %s/beta and /v1.0 (%d made-up people)\nSign-in          %s/%s\nTenant           %[4]s\nClient           %[5]s\nSecret           %[6]s\nPublic client    %[7]s\nPassword         %[8]s (of everybody)\nCtrl-C stops.\n",
		address, tenant.UserCount(), address, tenant.TenantID(), tenant.ClientID(), tenant.ClientSecret(), tenant.PublicClientID(), emulator.Password)
	return errors.Join(serveEmbedded(ctx, server, l), saveEmbedded(&cfg.Embedded, tenant))
}

func newEmbeddedServer(tenant http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           tenant,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      5 * time.Minute, // Some faults take their time.
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serveEmbedded serves until the context ends. What is under way then ends a few
// seconds later at the latest.
func serveEmbedded(ctx context.Context, server *http.Server, l net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		serve := server.Serve
		if server.TLSConfig != nil {
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		if err := serve(l); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		end, stop := context.WithTimeout(context.Background(), 5*time.Second)
		defer stop()
		if server.Shutdown(end) != nil {
			_ = server.Close() // Its connections are lost anyway.
		}
		return nil
	})
	return group.Wait()
}

// writePrivate writes a file that nobody else can read.
func writePrivate(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(0o600), func() error { _, err := f.Write(content); return err }())
	return errors.Join(err, f.Close())
}
