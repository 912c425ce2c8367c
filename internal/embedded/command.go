package embedded

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
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/config"
	"licensegraph/internal/emulator"
	"licensegraph/internal/logs"
)

// Run runs the command embedded: it serves only the embedded tenant until the context ends.
func Run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	cfg, err := config.LoadCommand(args, getenv, stdout)
	switch {
	case errors.Is(err, config.ErrHelp):
		return nil
	case err != nil:
		return err
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return &config.SetupError{Err: fmt.Errorf("--listen: %w", err)}
	}
	defer l.Close() // serve closes it as well
	signIn := emulator.SignIn{RedirectURIs: cfg.RedirectURIs, SinglePage: cfg.SinglePageURIs, Scopes: append([]string{"access_as_user"}, Scopes...)}
	tenant, err := Open(&cfg.Embedded, func(name string) string { return "--" + name }, signIn)
	if err != nil {
		return err
	}
	AssignRoles(tenant)
	address := LocalURL(l)
	server := newServer(tenant, logs.New(stderr, "info", "text"))
	if cfg.TLS {
		address = strings.Replace(address, "http:", "https:", 1)
		certificate, authority, err := emulator.ServerCertificate(l.Addr().(*net.TCPAddr).IP.String())
		if err != nil {
			return err
		}
		if cfg.CAFile != "" {
			if err := os.WriteFile(cfg.CAFile, authority, 0o644); err != nil {
				return &config.SetupError{Err: fmt.Errorf("--ca-file: %w", err)}
			}
		}
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	}
	if cfg.CertificateFile != "" {
		certificate, key := tenant.Certificate()
		if err := writePrivate(cfg.CertificateFile, append(certificate, key...)); err != nil {
			return &config.SetupError{Err: fmt.Errorf("--certificate-file: %w", err)}
		}
	}
	fmt.Fprintf(stdout, "Microsoft Graph  %s/beta and /v1.0 (%d fictitious users)\nSign-in          %s/%s\nTenant           %[4]s\nClient           %[5]s\nSecret           %[6]s\nPublic client    %[7]s\nPassword         %[8]s (of everybody)\nCtrl-C stops.\n",
		address, tenant.UserCount(), address, tenant.TenantID(), tenant.ClientID(), tenant.ClientSecret(), tenant.PublicClientID(), emulator.Password)
	return errors.Join(serve(ctx, server, l), Save(&cfg.Embedded, tenant))
}

func newServer(tenant http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           tenant,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      5 * time.Minute, // some faults delay responses
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serve serves until the context ends, and then waits some seconds for requests in progress.
func serve(ctx context.Context, server *http.Server, l net.Listener) error {
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
			_ = server.Close() // the connections are closed in any case
		}
		return nil
	})
	return group.Wait()
}

// writePrivate writes a file that only its owner can read.
func writePrivate(name string, content []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(0o600), func() error { _, err := f.Write(content); return err }())
	return errors.Join(err, f.Close())
}

// LocalURL returns the URL of a listener for clients on this machine.
func LocalURL(l net.Listener) string {
	address := l.Addr().(*net.TCPAddr)
	host := address.IP.String()
	if address.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(address.Port))
}
