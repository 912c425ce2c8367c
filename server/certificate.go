package main

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"sync/atomic"

	"licensegraph/internal/config"
)

// certificate is the TLS certificate of the listener. New connections get the current one.
type certificate struct {
	certFile, keyFile string
	hashes            [2][sha256.Size]byte // of the files that the current one was read from
	current           atomic.Pointer[tls.Certificate]
}

// openCertificate reads the certificate of the listener; nil if none is configured.
func openCertificate(cfg *config.Config) (*certificate, error) {
	if cfg.TLSCertFile == "" {
		return nil, nil
	}
	c := &certificate{certFile: cfg.TLSCertFile, keyFile: cfg.TLSKeyFile}
	if _, err := c.reload(); err != nil {
		return nil, &config.SetupError{Err: err}
	}
	return c, nil
}

// reload reads the files, and uses them if they belong together.
func (c *certificate) reload() (changed bool, err error) {
	certPEM, err := os.ReadFile(c.certFile)
	if err != nil {
		return false, fmt.Errorf("--tls-cert-file: %w", err)
	}
	keyPEM, err := os.ReadFile(c.keyFile)
	if err != nil {
		return false, fmt.Errorf("--tls-key-file: %w", err)
	}
	hashes := [2][sha256.Size]byte{sha256.Sum256(certPEM), sha256.Sum256(keyPEM)}
	if hashes == c.hashes {
		return false, nil
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return false, fmt.Errorf("--tls-cert-file: %s: with the key %s: %w", c.certFile, c.keyFile, err)
	}
	c.hashes = hashes
	c.current.Store(&pair)
	return true, nil
}

// serveProtocols sets the protocols of the gateway: HTTP/1.1, with TLS also HTTP/2, and with --h2c HTTP/2 without TLS.
func (a *app) serveProtocols(server *http.Server) {
	server.Protocols = new(http.Protocols)
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(a.cfg.H2C)
	if a.certificate == nil {
		return
	}
	server.Protocols.SetHTTP2(true)
	server.TLSConfig = &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return a.certificate.current.Load(), nil },
	}
}
