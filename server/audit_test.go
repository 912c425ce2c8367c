package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// TestChangeAtTheEnd tests that a change in progress at the shutdown timeout is in the audit log.
func TestChangeAtTheEnd(t *testing.T) {
	t.Parallel()
	for range 3 {
		tenant := emulatortest.Start(t, emulator.Options{Users: 20})
		arrived, release := make(chan struct{}), make(chan struct{})
		tenant.Inject(emulator.Fault{Endpoint: "POST /users/{id}/reprocessLicenseAssignment", Rewrite: func(body []byte) []byte {
			close(arrived)
			<-release
			return body
		}})
		ctx, stop := context.WithCancel(t.Context())
		stdout, stderr := newJournal(), newJournal()
		ended, asked := make(chan error, 1), make(chan struct{})
		env := map[string]string{"LICENSEGRAPH_CLIENT_SECRET": tenant.ClientSecret()}
		go func() {
			ended <- run(ctx, []string{"--listen=127.0.0.1:0", "--shutdown-timeout=20ms", "--allow-writes", "--tenant-id=" + tenant.TenantID(), "--client-id=" + tenant.ClientID(), "--graph-url=" + tenant.URL, "--authority=" + tenant.URL},
				func(name string) string { return env[name] }, stdout, stderr)
		}()
		stderr.wait("Ctrl-C")
		url := regexp.MustCompile(`(http://\S+)/graphql`).FindStringSubmatch(stderr.String())[1]
		request := post(t, url+endpointPath, mustMarshal(map[string]string{"query": fmt.Sprintf(`mutation { reprocessLicenseAssignment(input: {userIds: [%q]}) { results { outcome } } }`, tenant.PersonInRole(""))}))
		go func() {
			defer close(asked)
			if resp, err := http.DefaultTransport.RoundTrip(request); err == nil {
				_ = resp.Body.Close()
			}
		}()
		<-arrived
		stop()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "still in progress") {
			t.Errorf("ended with %v", err)
		}
		if !strings.Contains(stdout.String(), `"field":"reprocessLicenseAssignment"`) || !strings.Contains(stdout.String(), `"outcome":"unknown"`) {
			t.Errorf("the audit log: %s", stdout)
		}
		close(release)
		<-asked
	}
}

// TestNoChangeWithoutAuditLog tests that mutations are rejected before any request if their record cannot be written.
func TestNoChangeWithoutAuditLog(t *testing.T) {
	t.Parallel()
	const full = "/dev/full" // writes fail
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	for _, tt := range []struct {
		flags []string
		want  string
	}{
		{[]string{"--inbound=entra"}, `"reprocessAssignments":null`},
		{[]string{"--audit-required=always"}, `"reprocessAssignments":null`},
		{[]string{"--inbound=entra", "--audit-required=never"}, `"outcome":"DONE"`},
		{nil, `"outcome":"DONE"`},
	} {
		p := startOver(t, tenant, append(tt.flags, "--audit-log="+full, "--allow-writes")...)
		token := tokenFor(t, tenant, nameOf(t, tenant, "License Administrator"), scopes...)
		tenant.ResetCounts()
		r := p.as(t, `mutation { reprocessAssignments(input: {userIds: ["`+tenant.PersonInRole("")+`"]}) { results { outcome } } }`, bearing(token))
		refused := strings.HasSuffix(tt.want, "null")
		if !strings.Contains(r.body, tt.want) || refused != strings.Contains(r.body, "The audit log cannot be written") {
			t.Errorf("%v: %s", tt.flags, r.body)
		}
		if refused && tenant.Counts()["POST /users/{id}/cloudLicensing/assignments/reprocessAssignments"].Requests > 0 {
			t.Errorf("%v: the change was made", tt.flags)
		}
		if r := p.as(t, `{ subscribedSkus { nodes { id } } }`, bearing(token)); strings.Contains(r.body, `"errors"`) {
			t.Errorf("%v: query rejected: %s", tt.flags, r.body)
		}
	}
}
