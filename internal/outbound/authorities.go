package outbound

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
)

// authorities returns the system's CA certificates and those of a PEM file; without a file nil, which means the
// system's.
func authorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	rest, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("system CA certificates: %w", err)
	}
	found := 0
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("%s: unexpected PEM block %.40q", file, block.Type)
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", file, found+1, err)
		}
		roots.AddCert(certificate)
		found++
	}
	if found == 0 {
		return nil, fmt.Errorf("%s: no PEM certificate", file)
	}
	return roots, nil
}
