package config

import (
	"errors"
	"fmt"
	"strings"

	"licensegraph/internal/entra"
	"licensegraph/internal/licensing"
	"licensegraph/internal/outbound"
)

// credentials names the settings with which the application can prove itself, of those that are set. One is enough.
func (c *Config) credentials() []string {
	var set []string
	for _, s := range []struct {
		setting string
		set     bool
	}{
		{"--client-secret-file", c.ClientSecretFile != ""},
		{envName("client-secret"), c.secret != ""},
		{"--client-certificate-file", c.ClientCertificateFile != ""},
		{"--federated-token-file", c.FederatedTokenFile != ""},
	} {
		if s.set {
			set = append(set, s.setting)
		}
	}
	return set
}

// readCredential reads that of the application. Its errors hold no secret.
func (c *Config) readCredential() []error {
	var errs []error
	if set := c.credentials(); len(set) == 2 {
		errs = append(errs, fmt.Errorf("%s and %s are both set: keep one", set[0], set[1]))
	} else if len(set) > 2 {
		errs = append(errs, fmt.Errorf("%s are all set: keep one", strings.Join(set, ", ")))
	}
	if c.ClientKeyFile != "" && c.ClientCertificateFile == "" {
		errs = append(errs, errors.New("--client-key-file is set, and the certificate of the key is not: set --client-certificate-file"))
	}
	var err error
	flag := ""
	switch {
	case len(errs) > 0:
	case c.ClientSecretFile != "":
		flag = "client-secret-file"
		c.Credential, err = entra.SecretFile(c.ClientSecretFile)
	case c.secret != "":
		c.Credential = entra.Secret(c.secret)
	case c.ClientCertificateFile != "":
		flag = "client-certificate-file"
		c.Credential, err = entra.Certificate(c.ClientCertificateFile, c.ClientKeyFile)
	case c.FederatedTokenFile != "":
		flag = "federated-token-file"
		c.Credential, err = entra.FederatedTokenFile(c.FederatedTokenFile)
	}
	if err != nil {
		errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
	}
	return errs
}

// readProxy reads the proxy's address and its credentials. Its errors hold neither.
func (c *Config) readProxy(getenv func(string) string) error {
	credentials, err := readSecret("proxy-credentials", c.ProxyCredentialsFile, getenv)
	switch {
	case err != nil:
		return err
	case c.Proxy == "" && credentials != "":
		return errors.New("the credentials of a proxy are set, and the proxy is not: set --proxy")
	case c.Proxy == "":
		return nil
	}
	if c.ProxyURL, err = outbound.Proxy(c.Proxy, ""); err != nil {
		return fmt.Errorf("--proxy: %w", err)
	}
	if c.ProxyURL, err = outbound.Proxy(c.Proxy, credentials); err != nil {
		return fmt.Errorf("--proxy-credentials-file: %w", err)
	}
	return nil
}

// KnowsCallers tells whether callers say who they are.
func (c *Config) KnowsCallers() bool { return c.Inbound == "entra" }

// validateIdentities checks in whose name which tenants are read.
func (c *Config) validateIdentities(v *validation) {
	if c.Outbound == "on-behalf-of" && !c.KnowsCallers() {
		v.note("--outbound: on-behalf-of needs to know the callers: set --inbound=entra")
	}
	if !c.KnowsCallers() {
		if len(c.TenantIDs) > 1 {
			v.note("--tenant-id: more than one is for callers who are known: set --inbound=entra")
		}
		return
	}
	lower := map[string]bool{}
	for _, id := range c.TenantIDs {
		if _, ok := licensing.ParseGUID(id); !ok {
			v.note("--tenant-id: with --inbound=entra it has to be the id, a GUID, which %q is not: tokens name their tenant by it", id)
		}
		if lower[strings.ToLower(id)] {
			v.note("--tenant-id: %q is given more than once", id)
		}
		lower[strings.ToLower(id)] = true
	}
}
