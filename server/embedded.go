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
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/emulator"
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

// embeddedConfig is what can be set of the command embedded.
type embeddedConfig struct {
	Embedded        `embed:""`
	AllowNetwork    bool     `name:"allow-network" help:"Listen on an address that others in the network reach, too. Anybody there can sign in as anybody."`
	TLS             bool     `name:"tls" help:"Speak HTTPS, with a certificate made at start."`
	CAFile          string   `name:"ca-file" placeholder:"FILE" help:"Where to write the certificate (PEM) that clients have to trust, such as by NODE_EXTRA_CA_CERTS or SSL_CERT_FILE."`
	RedirectURIs    []string `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Where people may be sent back to after they have signed in, besides http://localhost and the loopback addresses with any port. Can be given more than once."`
	SinglePageURIs  []string `name:"single-page-uri" sep:"none" placeholder:"URI" help:"The same for single-page applications: what people come back with is redeemed by a page in a browser, and by nothing else."`
	CertificateFile string   `name:"certificate-file" placeholder:"FILE" help:"Where to write a certificate of the application with its key (PEM), for clients that sign in with one."`
}

func (c *embeddedConfig) validate() error {
	v := &validation{}
	if host, ok := v.address("listen", c.Listen); ok && !c.AllowNetwork && !isLoopback(host) {
		v.note("--listen: %s is not a loopback address such as 127.0.0.1:8081: --allow-network lets others in", c.Listen)
	}
	v.atLeastOne("users", int64(c.Users))
	v.atMost("users", c.Users, maxEmbeddedUsers)
	if c.CAFile != "" && !c.TLS {
		v.note("--ca-file: there is no certificate to trust without --tls")
	}
	v.redirects("redirect-uri", c.RedirectURIs)
	v.redirects("single-page-uri", c.SinglePageURIs)
	return errors.Join(v.problems...)
}

func (v *validation) redirects(flag string, list []string) {
	for _, uri := range list {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
			v.note("--%s: %q is no address such as https://app.example.com/signin", flag, uri)
		}
	}
}

// embeddedEnv is the variable of a flag of the command: the same as with the
// gateway.
func embeddedEnv(flag string) string { return envName("embedded-" + flag) }

// runEmbedded serves the embedded tenant alone until the context ends.
func runEmbedded(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	cfg := &embeddedConfig{}
	problems, err := parseInto(cfg, args, getenv, stdout, "licensegraph embedded", embeddedEnv,
		"A Microsoft Graph with licenses of made-up people, and the sign-in for it: for tests of clients, not for production.")
	switch {
	case errors.Is(err, errHelp):
		return nil
	case err == nil:
		err = cfg.validate()
	}
	if err := errors.Join(append(problems, err)...); err != nil {
		return &setupError{err}
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return &setupError{fmt.Errorf("--listen: %w", err)}
	}
	defer l.Close() // Serving closes it too.
	signIn := emulator.SignIn{RedirectURIs: cfg.RedirectURIs, SinglePage: cfg.SinglePageURIs, Scopes: append([]string{"access_as_user"}, scopes...)}
	tenant, err := cfg.open(func(name string) string { return "--" + name }, signIn)
	if err != nil {
		return err
	}
	assignRoles(tenant)
	address := baseURL(l)
	server := newEmbeddedServer(tenant, newLogger(stderr, "info", "text"))
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
	return errors.Join(serveEmbedded(ctx, server, l), cfg.save(tenant))
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
