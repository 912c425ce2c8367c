package identity

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestMay(t *testing.T) {
	t.Parallel()
	read, either := [][]string{{"read"}}, [][]string{{"read", "names"}, {"all"}}
	for _, tt := range []struct {
		name         string
		scopes       []string
		alternatives [][]string
		want         bool
	}{
		{"has it", []string{"read"}, read, true},
		{"has another", []string{"write"}, read, false},
		{"has none", nil, read, false},
		{"half of an alternative", []string{"read"}, either, false},
		{"all of the first", []string{"names", "read"}, either, true},
		{"the second", []string{"all"}, either, true},
		{"part of a name", []string{"reader"}, read, false},
		{"nothing is asked", nil, nil, true},
	} {
		if got := (&Caller{Scopes: tt.scopes}).May(tt.alternatives); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
	if !(*Caller)(nil).May(read) {
		t.Error("permission denied without authentication")
	}
}

func TestSecretNeverShows(t *testing.T) {
	t.Parallel()
	const canary = "canary-4711"
	caller := &Caller{TenantID: "t", Token: canary}
	var log bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(handler).Info("x", "caller", caller, "value", *caller, "token", caller.Token)
	}
	text, err := json.Marshal(caller)
	if err != nil {
		t.Fatal(err)
	}
	shown := fmt.Sprintf("%s %v %+v %#v %q %x %v", log.String(), caller, *caller, *caller, caller.Token, caller.Token, string(text))
	if strings.Contains(shown, canary) || strings.Contains(shown, fmt.Sprintf("%x", canary)) {
		t.Errorf("it shows: %s", shown)
	}
	if caller.Token.Reveal() != canary {
		t.Error("secret lost")
	}
}
