package config

import (
	"errors"
	"io"
	"net/url"
)

// Command is the configuration of the command embedded, which serves only the embedded tenant.
type Command struct {
	Embedded        `embed:""`
	AllowNetwork    bool     `name:"allow-network" help:"Allow a listen address that other machines can reach. Anybody who reaches it can sign in as any user."`
	TLS             bool     `name:"tls" help:"Serve HTTPS, with a certificate generated at start."`
	CAFile          string   `name:"ca-file" placeholder:"FILE" help:"File to write the certificate (PEM) to, which clients must trust, such as with NODE_EXTRA_CA_CERTS or SSL_CERT_FILE."`
	RedirectURIs    []string `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Additional redirect URI for sign-in, besides http://localhost and loopback addresses with any port. The flag can be repeated."`
	SinglePageURIs  []string `name:"single-page-uri" sep:"none" placeholder:"URI" help:"Additional redirect URI of a single-page application, whose authorization codes only browsers can redeem. The flag can be repeated."`
	CertificateFile string   `name:"certificate-file" placeholder:"FILE" help:"File to write a certificate of the application with its key (PEM) to, for clients that authenticate with a certificate."`
}

func (c *Command) validate() error {
	v := &validation{}
	if host, ok := v.address("listen", c.Listen); ok && !c.AllowNetwork && !IsLoopback(host) {
		v.note("--listen: invalid address %s: want a loopback address such as 127.0.0.1:8081, or --allow-network", c.Listen)
	}
	v.atLeastOne("users", int64(c.Users))
	v.atMost("users", c.Users, maxEmbeddedUsers)
	if c.CAFile != "" && !c.TLS {
		v.note("--ca-file requires --tls")
	}
	v.redirects("redirect-uri", c.RedirectURIs)
	v.redirects("single-page-uri", c.SinglePageURIs)
	return errors.Join(v.problems...)
}

func (v *validation) redirects(flag string, list []string) {
	for _, uri := range list {
		if u, err := url.Parse(uri); err != nil || u.Scheme == "" || u.Host == "" || u.Fragment != "" {
			v.note("--%s: invalid URI %q: want a value such as https://app.example.com/signin", flag, uri)
		}
	}
}

// embeddedEnv returns the environment variable of a flag, which is the same as for the gateway.
func embeddedEnv(flag string) string { return envName("embedded-" + flag) }

// LoadCommand loads the configuration of the command embedded. See [Load].
func LoadCommand(args []string, getenv func(string) string, stdout io.Writer) (*Command, error) {
	cfg := &Command{}
	problems, err := parseInto(cfg, args, getenv, stdout, "licensegraph embedded", embeddedEnv,
		"An emulator of Microsoft Graph's licensing data with fictitious users, and of Microsoft Entra ID, for tests of clients. Not for production.")
	if errors.Is(err, ErrHelp) {
		return nil, ErrHelp
	}
	if err == nil {
		err = cfg.validate()
	}
	return cfg, setupError(errors.Join(append(problems, err)...))
}
