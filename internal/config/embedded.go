package config

import (
	"errors"
	"io"
	"net/url"
)

// Command is what can be set of the command embedded, which serves the embedded tenant alone.
type Command struct {
	Embedded        `embed:""`
	AllowNetwork    bool     `name:"allow-network" help:"Listen on an address that others in the network reach, too. Anybody there can sign in as anybody."`
	TLS             bool     `name:"tls" help:"Speak HTTPS, with a certificate made at start."`
	CAFile          string   `name:"ca-file" placeholder:"FILE" help:"Where to write the certificate (PEM) that clients have to trust, such as by NODE_EXTRA_CA_CERTS or SSL_CERT_FILE."`
	RedirectURIs    []string `name:"redirect-uri" sep:"none" placeholder:"URI" help:"Where people may be sent back to after they have signed in, besides http://localhost and the loopback addresses with any port. Can be given more than once."`
	SinglePageURIs  []string `name:"single-page-uri" sep:"none" placeholder:"URI" help:"The same for single-page applications: what people come back with is redeemed by a page in a browser, and by nothing else."`
	CertificateFile string   `name:"certificate-file" placeholder:"FILE" help:"Where to write a certificate of the application with its key (PEM), for clients that sign in with one."`
}

func (c *Command) validate() error {
	v := &validation{}
	if host, ok := v.address("listen", c.Listen); ok && !c.AllowNetwork && !IsLoopback(host) {
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
			v.note("--%s: %q is not an address such as https://app.example.com/signin", flag, uri)
		}
	}
}

// embeddedEnv is the variable of a flag of the command: the same as with the
// gateway.
func embeddedEnv(flag string) string { return envName("embedded-" + flag) }

// LoadCommand reads the configuration of the command embedded, as [Load] does that of the gateway.
func LoadCommand(args []string, getenv func(string) string, stdout io.Writer) (*Command, error) {
	cfg := &Command{}
	problems, err := parseInto(cfg, args, getenv, stdout, "licensegraph embedded", embeddedEnv,
		"A Microsoft Graph with licenses of made-up people, and the sign-in for it: for tests of clients, not for production.")
	if errors.Is(err, ErrHelp) {
		return nil, ErrHelp
	}
	if err == nil {
		err = cfg.validate()
	}
	return cfg, setupError(errors.Join(append(problems, err)...))
}
