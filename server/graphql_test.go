package main

import (
	"net/http"
	"testing"

	"licensegraph/internal/config"
)

func TestUpstreamReport(t *testing.T) {
	t.Parallel()
	asked := http.Header{"Upstream-Report": {"true"}}
	for _, tt := range []struct {
		when          string
		real          bool
		plain, header bool
	}{
		{"auto", false, true, true},
		{"always", false, true, true},
		{"header", false, false, true},
		{"never", false, false, false},
		{"auto", true, false, false},
		{"always", true, true, true},
		{"header", true, false, true},
		{"never", true, false, false},
	} {
		cfg := &config.Config{UpstreamReport: tt.when}
		if tt.real {
			cfg.TenantIDs = []string{"contoso.example"}
		}
		show := upstreamReport(cfg)
		if show(nil) != tt.plain || show(asked) != tt.header {
			t.Errorf("%s, real tenant %v: got %v and %v, want %v and %v", tt.when, tt.real, show(nil), show(asked), tt.plain, tt.header)
		}
	}
}
