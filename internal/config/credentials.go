package config

import (
	"errors"
	"fmt"
	"strings"

	"licensegraph/internal/entra"
	"licensegraph/internal/licensing"
	"licensegraph/internal/outbound"
)

// credentials returns the names of the credential settings that are set. Exactly one is required.
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

// readCredential reads the application's credential. Its errors do not include secrets.
func (c *Config) readCredential() []error {
	var errs []error
	if set := c.credentials(); len(set) == 2 {
		errs = append(errs, fmt.Errorf("%s and %s are both set: keep one", set[0], set[1]))
	} else if len(set) > 2 {
		errs = append(errs, fmt.Errorf("%s are all set: keep one", strings.Join(set, ", ")))
	}
	if c.ClientKeyFile != "" && c.ClientCertificateFile == "" {
		errs = append(errs, errors.New("--client-key-file requires --client-certificate-file"))
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

// CheckCredential reads the credential files again and returns their problem, without secrets. Token requests read them on
// their own.
func (c *Config) CheckCredential() error {
	again := *c
	return errors.Join(again.readCredential()...)
}

// readProxy reads the proxy's URL and credentials. Its errors include neither.
func (c *Config) readProxy(getenv func(string) string) error {
	credentials, err := readSecret("proxy-credentials", c.ProxyCredentialsFile, getenv)
	switch {
	case err != nil:
		return err
	case c.Proxy == "" && credentials != "":
		return errors.New("the proxy credentials require --proxy")
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

// KnowsCallers reports whether callers are authenticated.
func (c *Config) KnowsCallers() bool { return c.Inbound == "entra" }

// validateIdentities validates the tenants and the identity used for Microsoft Graph.
func (c *Config) validateIdentities(v *validation) {
	if c.Outbound == "on-behalf-of" && !c.KnowsCallers() {
		v.note("--outbound: on-behalf-of requires --inbound=entra")
	}
	if !c.KnowsCallers() {
		if len(c.TenantIDs) > 1 {
			v.note("--tenant-id: several tenants require --inbound=entra")
		}
		return
	}
	lower := map[string]bool{}
	for _, id := range c.TenantIDs {
		if _, ok := licensing.ParseGUID(id); !ok {
			v.note("--tenant-id: invalid tenant ID %q: --inbound=entra requires a GUID, because tokens contain the tenant ID", id)
		}
		if lower[strings.ToLower(id)] {
			v.note("--tenant-id: duplicate ID %q", id)
		}
		lower[strings.ToLower(id)] = true
	}
}
