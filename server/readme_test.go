package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the README's table of settings")

// TestReadmeSettings holds the README's table to the settings.
func TestReadmeSettings(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- settings -->\n", "<!-- /settings -->"
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the README has no table of settings")
	}
	want := settingsTable(t)
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile("../README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README.md (-want +got), go test ./server -update mends it:\n%s", cmp.Diff(want, got))
}

func settingsTable(t *testing.T) string {
	var table strings.Builder
	table.WriteString("| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, s := range testConfig(t).settings() {
		value := strings.Trim(fmt.Sprint(s.value), "[]")
		if value != "" {
			value = "`" + value + "`"
		}
		field, _ := reflect.TypeFor[Config]().FieldByNameFunc(func(name string) bool {
			f, _ := reflect.TypeFor[Config]().FieldByName(name)
			return f.Tag.Get("name") == s.flag
		})
		meaning, _, _ := strings.Cut(field.Tag.Get("help"), ". ")
		fmt.Fprintf(&table, "| `--%s` | `%s` | %s | %s |\n", s.flag, envName(s.flag), value, strings.TrimSuffix(meaning, "."))
	}
	fmt.Fprintf(&table, "| | `%s` | | The application's secret itself |\n", envName("client-secret"))
	fmt.Fprintf(&table, "| | `%s` | | The key that seals cursors itself |\n", envName("cursor-key"))
	return table.String()
}

// TestReadmeAnswer asks the README's question.
func TestReadmeAnswer(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	query, want := block(t, text, "graphql"), block(t, text, "json")
	var got struct {
		Data       json.RawMessage
		Extensions struct{ Upstream struct{ Requests int } }
	}
	_, body := start(t, nil, "--embedded-users=500").ask(t, query)
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(t, []byte(want)), decoded(t, got.Data)); diff != "" {
		t.Errorf("the README's answer (-README +gateway):\n%s", diff)
	}
	if got.Extensions.Upstream.Requests != 5 {
		t.Errorf("took %d upstream requests, the README says five", got.Extensions.Upstream.Requests)
	}
}

// block returns the first block of code in a language.
func block(t *testing.T, text []byte, language string) string {
	t.Helper()
	_, rest, ok := bytes.Cut(text, []byte("```"+language+"\n"))
	code, _, ok2 := bytes.Cut(rest, []byte("```"))
	if !ok || !ok2 {
		t.Fatalf("the README has no %s", language)
	}
	return string(code)
}

func decoded(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
