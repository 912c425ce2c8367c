package main

import (
	"context"
	"log/slog"

	"licensegraph/internal/config"
)

const (
	// otherMemory is the estimated memory of the gateway without responses, in
	// bytes.
	otherMemory = 128 << 20
	// garbageHeadroom is memory that delays garbage collection of a small heap, in bytes. It is never written, so it does
	// not become resident.
	garbageHeadroom = 8 << 20
)

// memory is nil in tests, which share their process.
var memory *runtimeMemory

// runtimeMemory sets the memory limit of the Go runtime. The nil value does nothing.
type runtimeMemory struct {
	limit     func(bytes int64) int64
	container func() (bytes uint64, err error) // limit of the container
	headroom  []byte
}

// set sets a memory limit, so that garbage of encoded responses does not
// double the memory use, and the container's limit is not exceeded. The
// variables GOMEMLIMIT and GOGC take precedence. With the embedded tenant,
// whose memory use depends on its users, only the container's limit applies.
func (m *runtimeMemory) set(ctx context.Context, cfg *config.Config, getenv func(string) string, logger *slog.Logger) {
	if m == nil {
		return
	}
	if getenv("GOGC") == "" {
		m.headroom = make([]byte, garbageHeadroom)
	}
	if getenv("GOMEMLIMIT") != "" {
		return
	}
	wanted := cfg.MaxAnswersBytes + otherMemory
	available, err := m.container()
	limited := err == nil && available > 0
	container := int64(min(available, 1<<50) / 10 * 9) // the rest is for memory outside the Go heap
	switch {
	case !limited && cfg.ServesEmbedded():
	case limited && (cfg.ServesEmbedded() || container < wanted):
		if !cfg.ServesEmbedded() {
			logger.WarnContext(ctx, "the container's memory limit is small: set a smaller --max-answers-bytes", "limit", available, "required", wanted)
		}
		m.limit(container)
	default:
		m.limit(wanted)
	}
}
