package documents

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func anything(string) error { return nil }

// apollo returns a manifest in Apollo's format.
func apollo(entries ...string) string {
	return `{"format":"apollo-persisted-query-manifest","version":1,"operations":[` + strings.Join(entries, ",") + `]}`
}

func TestReadManifest(t *testing.T) {
	t.Parallel()
	hash := hashOf("query A{a}")
	twoProblems := `{"1":"{a}","2":"{","3":"{"}`
	tests := []struct {
		name  string
		text  string
		ids   string // separated by spaces
		error string // substring
		stale string // substring of the errors of stale documents
	}{
		{"Apollo", apollo(`{"id":"` + hash + `","name":"A","type":"query","body":"query A{a}"}`), hash + " sha256:" + hash, "", ""},
		{"Apollo, ids of its own", apollo(`{"id":"one","name":"A","type":"query","body":"query A{a}"}`), "one " + hash + " sha256:" + hash, "", ""},
		{"Apollo, nothing in it", apollo(), "", "", ""},
		{"Apollo, clients", apollo(`{"id":"one","name":"A","type":"query","body":"query A{a}","clientName":"portal"}`), "one", "", ""},
		{"Apollo, a newer version", strings.Replace(apollo(), `"version":1`, `"version":2`, 1), "", "unsupported version", ""},
		{"Apollo, another name", apollo(`{"id":"one","name":"B","type":"query","body":"query A{a}"}`), "", `id "one", operation "B": no such operation`, ""},
		{"Apollo, another type", apollo(`{"id":"one","name":"A","type":"query","body":"mutation A{a}"}`), "", "no such operation", ""},
		{"Apollo, no list", `{"format":"apollo-persisted-query-manifest","version":1,"operations":{}}`, "", "invalid apollo", ""},
		{"flat", `{"one":"{a}","sha256:` + hash + `":"query A{a}"}`, "one " + hash + " sha256:" + hash, "", ""},
		{"flat, an empty one", `{}`, "", "", ""},
		{"flat, an MD5 hash", `{"0cc175b9c0f1b6a831c399e269772661":"{a}"}`, "0cc175b9c0f1b6a831c399e269772661", "", ""},
		{"flat, an id that is called format", `{"format":"{a}"}`, "format", "", ""},
		{"a wrong hash", `{"` + hash + `":"query A{b}"}`, "", `id "` + hash + `": the ID is not the document's hash, which is ` + hashOf("query A{b}"), ""},
		{"a wrong hash with its prefix", `{"sha256:` + hash + `":"query A{b}"}`, "", "not the document's hash", ""},
		{"a prefix without a hash", `{"sha256:abc":"{a}"}`, "", "not the document's hash", ""},
		{"an id twice", `{"one":"{a}","one":"{b}"}`, "", "duplicate ID", ""},
		{"an id twice in Apollo's", apollo(`{"id":"one","body":"{a}"}`, `{"id":"one","body":"{a}"}`), "", "duplicate ID", ""},
		{"no id", `{"":"{a}"}`, "", "1 to 256 bytes", ""},
		{"a long id", `{"` + strings.Repeat("a", 257) + `":"{a}"}`, "", "1 to 256 bytes", ""},
		{"no text", `{"one":{"a":1}}`, "", `id "one": not the text`, ""},
		{"no GraphQL", `{"one":"{"}`, "", `id "one"`, ""},
		{"all problems", twoProblems, "", `id "3"`, ""},
		{"stale", `{"one":"{forbidden}","two":"{a}"}`, "two", "", `id "one": not in the schema`},
		{"all of them stale", `{"one":"{forbidden}"}`, "", "", `id "one": not in the schema`},
		{"a byte order mark", "\ufeff" + `{"one":"{a}"}`, "one", "", ""},
		{"a byte order mark, Apollo", "\ufeff" + apollo(`{"id":"one","body":"{a}"}`), "one", "", ""},
		{"a list", `["{a}"]`, "", "not a JSON object", ""},
		{"null", `null`, "", "not a JSON object", ""},
		{"no JSON", `{"one":`, "", "not a JSON object", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m, stale, err := ReadManifest([]byte(tt.text), func(text string) error {
				if strings.Contains(text, "forbidden") {
					return errors.New("not in the schema")
				}
				return nil
			})
			if fmt.Sprint(err) == "" || (err != nil) != (tt.error != "") || err != nil && !strings.Contains(err.Error(), tt.error) {
				t.Fatalf("error %v, want %q", err, tt.error)
			}
			if (len(stale) > 0) != (tt.stale != "") || tt.stale != "" && !strings.Contains(fmt.Sprint(stale), tt.stale) {
				t.Errorf("stale: %v, want %q", stale, tt.stale)
			}
			for _, id := range strings.Fields(tt.ids) {
				if _, ok := m.find(id); !ok {
					t.Errorf("%s not found", id)
				}
			}
			if _, ok := m.find("other"); ok {
				t.Error("finds anything")
			}
		})
	}
}

func TestManifestIsBounded(t *testing.T) {
	t.Parallel()
	flat := map[string]string{}
	for i := range manifestDocuments + 1 {
		flat[fmt.Sprint(i)] = "{"
	}
	text, err := json.Marshal(flat)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadManifest(text, anything); err == nil || !strings.Contains(err.Error(), "20000 are allowed") {
		t.Errorf("too many: %v", err)
	}
	delete(flat, "0")
	text, _ = json.Marshal(flat)
	if _, _, err := ReadManifest(text, anything); err == nil || strings.Count(err.Error(), "\n") != manifestProblems {
		t.Errorf("%d lines for invalid entries", strings.Count(fmt.Sprint(err), "\n"))
	}
	if _, err := readAll(endless{}); err == nil {
		t.Error("no error for an endless file")
	}
}

// endless is a file without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// FuzzReadManifest tests that each document of a manifest is found by its hash only.
func FuzzReadManifest(f *testing.F) {
	for _, text := range []string{
		apollo(`{"id":"one","name":"A","type":"query","body":"query A{a}"}`), `{"one":"{a}","two":"{b}"}`,
		`{"` + hashOf("{a}") + `":"{a}"}`, `{"sha256:` + hashOf("{a}") + `":"{a}"}`, `{"one":"{a}","one":"{b}"}`, `[]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, _, err := ReadManifest(text, anything)
		if err != nil {
			return
		}
		for _, text := range m.texts() {
			for _, id := range []string{hashOf(text), sha256Prefix + hashOf(text)} {
				if got, ok := m.find(id); !ok || hashOf(got) != hashOf(text) {
					t.Errorf("%s finds %q", id, got)
				}
			}
		}
		if diff := cmp.Diff(len(m.byID) > 0, m.Len() > 0); diff != "" {
			t.Error(diff)
		}
	})
}
