package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"licensegraph/internal/config"
	"licensegraph/internal/metrics"
)

// healthcheckWait is the timeout of the command healthcheck.
const healthcheckWait = 5 * time.Second

// version prints the version.
func version(w io.Writer) {
	version, commit, runtime := metrics.Build()
	fmt.Fprintf(w, "licensegraph %s, commit %s, %s\n", version, commit, runtime)
}

// healthcheck asks a gateway on this machine whether it runs, for containers without a shell. The argument is the URL of
// the check; the default is /healthz at the address of the gateway in the environment.
func healthcheck(ctx context.Context, args []string, getenv func(string) string) error {
	url, err := healthURL(args, getenv)
	if err != nil {
		return &config.SetupError{Err: fmt.Errorf("healthcheck: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return &config.SetupError{Err: fmt.Errorf("healthcheck: %w", err)}
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req) // not by a proxy
	if err != nil {
		return fmt.Errorf("healthcheck: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("healthcheck: %s responds with %s", url, resp.Status)
	}
	return nil
}

// healthURL returns the URL in the arguments, or that of the gateway on this machine.
func healthURL(args []string, getenv func(string) string) (string, error) {
	switch len(args) {
	case 0:
	case 1:
		return args[0], nil
	default:
		return "", errors.New("want at most one argument, the URL of the check")
	}
	address := cmp.Or(getenv("LICENSEGRAPH_ADMIN_LISTEN"), getenv("LICENSEGRAPH_LISTEN"), config.DefaultListen)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port) + "/healthz", nil
}
