package main

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"licensegraph/internal/config"
)

func TestMemoryLimit(t *testing.T) {
	t.Parallel()
	const mib = 1 << 20
	none := errors.New("no control group")
	for name, tt := range map[string]struct {
		container  uint64
		err        error
		tenant     string
		env        string
		want       int64
		warned     bool
		noHeadroom bool
	}{
		"no container":                  {err: none, tenant: "t", want: 384 * mib},
		"no limit":                      {tenant: "t", want: 384 * mib},
		"a large container":             {container: 4096 * mib, tenant: "t", want: 384 * mib},
		"a small container":             {container: 200 * mib, tenant: "t", want: 200 * mib / 10 * 9, warned: true},
		"the embedded tenant":           {err: none},
		"embedded, in a container":      {container: 4096 * mib, want: 4096 * mib / 10 * 9},
		"GOMEMLIMIT is set":             {container: 200 * mib, tenant: "t", env: "GOMEMLIMIT"},
		"GOGC is set":                   {err: none, tenant: "t", env: "GOGC", want: 384 * mib, noHeadroom: true},
		"no limit that fits in 64 bits": {container: 1<<64 - 1, tenant: "t", want: 384 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var limit int64
			var log strings.Builder
			m := &runtimeMemory{
				limit:     func(bytes int64) int64 { limit = bytes; return 0 },
				container: func() (uint64, error) { return tt.container, tt.err },
			}
			cfg := &config.Config{MaxAnswersBytes: 256 * mib}
			if tt.tenant != "" {
				cfg.TenantIDs = []string{tt.tenant}
			}
			m.set(t.Context(), cfg, func(name string) string {
				if name == tt.env {
					return "1"
				}
				return ""
			}, slog.New(slog.NewTextHandler(&log, nil)))
			if limit != tt.want || (log.Len() > 0) != tt.warned || (m.headroom == nil) != tt.noHeadroom {
				t.Errorf("limit %d, want %d, headroom %d, log %q", limit, tt.want, len(m.headroom), log.String())
			}
		})
	}
}
