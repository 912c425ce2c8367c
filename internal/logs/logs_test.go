package logs

import (
	"bytes"
	"strings"
	"testing"
)

func TestLoggerKeepsTheRequest(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	logger := New(&log, "warn", "json").With("a", 1).WithGroup("g")
	ctx := WithRequestID(t.Context(), "the-request")
	logger.InfoContext(ctx, "quiet")
	logger.WarnContext(ctx, "loud", "b", 2)
	if got := log.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "the-request") || !strings.Contains(got, `"a":1`) {
		t.Error(got)
	}
}
