package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"licensegraph/internal/execution/stub"
	"licensegraph/internal/identity"
	"licensegraph/internal/logs"
)

// hashOf returns the hash of a document.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// operation is the body of a request; empty members are omitted.
type operation struct {
	Query      string         `json:"query,omitempty"`
	DocumentID string         `json:"documentId,omitempty"`
	Extensions map[string]any `json:"extensions,omitempty"`
}

// persisted returns the extension of Apollo's protocol.
func persisted(hash string) map[string]any {
	return map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}
}

func (o operation) post(t *testing.T, handler http.Handler, caller *identity.Caller) string {
	t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return askAs(t, handler, caller, "POST", "/graphql", string(body)).Body.String()
}

func (o operation) get(t *testing.T, handler http.Handler, caller *identity.Caller) string {
	t.Helper()
	values := url.Values{}
	if o.Query != "" {
		values.Set("query", o.Query)
	}
	if o.DocumentID != "" {
		values.Set("documentId", o.DocumentID)
	}
	if o.Extensions != nil {
		extensions, err := json.Marshal(o.Extensions)
		if err != nil {
			t.Fatal(err)
		}
		values.Set("extensions", string(extensions))
	}
	return askAs(t, handler, caller, "GET", "/graphql?"+values.Encode(), "").Body.String()
}

const (
	notFoundAnswer = `{"errors":[{"message":"PersistedQueryNotFound","extensions":{"code":"PERSISTED_QUERY_NOT_FOUND","retryable":false}}]}`
	queryA         = "query A{hello}"
	queryB         = "query B{hello}"
)

// TestAutomaticDocuments tests Apollo's protocol by POST and GET.
func TestAutomaticDocuments(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "GET"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			handler := testHandler(t, new(bytes.Buffer), stub.Hello)
			ask := func(tenant string, o operation, want string) {
				t.Helper()
				var caller *identity.Caller
				if tenant != "" {
					caller = &identity.Caller{TenantID: tenant, ObjectID: "a"}
				}
				got := o.post(t, handler, caller)
				if method == "GET" {
					got = o.get(t, handler, caller)
				}
				if !strings.Contains(got, want) {
					t.Errorf("%+v: got %s, want %s", o, got, want)
				}
			}
			byHash, register := operation{Extensions: persisted(hashOf(queryA))}, operation{Query: queryA, Extensions: persisted(hashOf(queryA))}
			ask("t", byHash, notFoundAnswer)
			ask("t", register, stub.HelloAnswer)
			ask("t", byHash, stub.HelloAnswer)
			ask("u", byHash, notFoundAnswer) // tenants do not share documents
			ask("", byHash, notFoundAnswer)
			ask("t", operation{DocumentID: "sha256:" + hashOf(queryA)}, notFoundAnswer) // IDs are for trusted documents only

			ask("t", operation{Query: queryA, Extensions: persisted(hashOf(queryB))}, "provided sha does not match query")
			ask("t", operation{Extensions: persisted(hashOf(queryB))}, notFoundAnswer)
			for _, broken := range []string{"{nope}", "{", "{a:hello " + strings.Repeat("b:hello ", 60) + "}", "query($n:Int!){echo(n:$n){hello}}"} {
				ask("t", operation{Query: broken, Extensions: persisted(hashOf(broken))}, `"errors"`)
				ask("t", operation{Extensions: persisted(hashOf(broken))}, notFoundAnswer) // it was not stored
			}
			deferred := "{...@defer{hello}}"
			ask("t", operation{Query: deferred, Extensions: persisted(hashOf(deferred))}, stub.HelloAnswer)
			ask("t", operation{Extensions: persisted(hashOf(deferred))}, stub.HelloAnswer)

			for _, broken := range []any{"1", []any{}, map[string]any{"version": 2, "sha256Hash": "a"}, map[string]any{"version": 1}, map[string]any{"version": 1, "sha256Hash": 1}, map[string]any{"sha256Hash": "a"}} {
				ask("t", operation{Query: queryA, Extensions: map[string]any{"persistedQuery": broken}}, `"code":"BAD_USER_INPUT"`)
			}
			ask("t", operation{Extensions: persisted("../../etc/passwd")}, notFoundAnswer)
			ask("t", operation{Query: queryA, DocumentID: "a"}, "either query or documentId")
			ask("t", operation{DocumentID: "a"}, notFoundAnswer)
			ask("t", operation{Extensions: map[string]any{"persistedQuery": nil}}, "Missing parameter: query")
		})
	}
	t.Run("mutation", func(t *testing.T) {
		t.Parallel()
		handler := testHandler(t, new(bytes.Buffer), stub.Hello)
		mutation := "mutation{hello}"
		_ = operation{Query: mutation, Extensions: persisted(hashOf(mutation))}.post(t, handler, nil)
		byHash := operation{Extensions: persisted(hashOf(mutation))}
		if got := byHash.post(t, handler, nil); got != stub.HelloAnswer {
			t.Errorf("POST: %s", got)
		}
		if got := byHash.get(t, handler, nil); !strings.Contains(got, "use POST") {
			t.Errorf("GET: %s", got)
		}
	})
	t.Run("off", func(t *testing.T) {
		t.Parallel()
		handler := testHandler(t, new(bytes.Buffer), stub.Hello, "--no-apq")
		if got := (operation{Extensions: persisted(hashOf(queryA))}).post(t, handler, nil); !strings.Contains(got, `{"message":"PersistedQueryNotSupported","extensions":{"code":"PERSISTED_QUERY_NOT_SUPPORTED","retryable":false}}`) {
			t.Errorf("by hash: %s", got)
		}
		if got := (operation{Query: queryA, Extensions: persisted(hashOf(queryA))}).post(t, handler, nil); got != stub.HelloAnswer {
			t.Errorf("with its text: %s", got)
		}
	})
}

// TestTrustedDocuments sends trusted and other documents in each mode.
func TestTrustedDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "documents.json")
	mutation := "mutation M{hello}"
	if err := os.WriteFile(path, []byte(fmt.Sprintf(`{"portal/a":%q,"sha256:%s":%q}`, queryA, hashOf(mutation), mutation)), 0o600); err != nil {
		t.Fatal(err)
	}
	const refused, introspection = `"code":"FORBIDDEN"`, "{__schema{types{name}}}"
	for _, mode := range []string{"off", "log", "enforce"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			log := new(bytes.Buffer)
			handler := testHandler(t, log, stub.Hello, "--trusted-documents="+path, "--trusted-documents-mode="+mode)
			others, lost := stub.HelloAnswer, stub.HelloAnswer
			if mode == "enforce" {
				others, lost = refused, notFoundAnswer
			}
			caller := &identity.Caller{TenantID: "tenant", ObjectID: "object"}
			for _, tt := range []struct {
				name string
				o    operation
				want string
			}{
				{"id", operation{DocumentID: "portal/a"}, stub.HelloAnswer},
				{"id in the extensions", operation{Extensions: map[string]any{"documentId": "portal/a"}}, stub.HelloAnswer},
				{"hash", operation{DocumentID: "sha256:" + hashOf(queryA)}, stub.HelloAnswer},
				{"hash of Apollo", operation{Extensions: persisted(hashOf(queryA))}, stub.HelloAnswer},
				{"id of Apollo", operation{Extensions: persisted("portal/a")}, stub.HelloAnswer},
				{"id of Apollo with its text", operation{Query: queryA, Extensions: persisted("portal/a")}, stub.HelloAnswer},
				{"id of Apollo with another text", operation{Query: queryB, Extensions: persisted("portal/a")}, "does not match"},
				{"hash and text", operation{Query: queryA, Extensions: persisted(hashOf(queryA))}, stub.HelloAnswer},
				{"text", operation{Query: queryA}, stub.HelloAnswer},
				{"unknown id", operation{DocumentID: "portal/b"}, notFoundAnswer},
				{"unknown hash", operation{DocumentID: "sha256:" + hashOf(queryB)}, notFoundAnswer},
				{"other text", operation{Query: queryB}, others},
				{"other text with its hash", operation{Query: queryB, Extensions: persisted(hashOf(queryB))}, others},
				{"which was not kept when enforced", operation{Extensions: persisted(hashOf(queryB))}, lost},
				{"the text with a blank", operation{Query: queryA + " "}, others},
				{"introspection", operation{Query: introspection}, others},
				{"no GraphQL", operation{Query: "{"}, map[bool]string{true: refused, false: `"code":"BAD_USER_INPUT"`}[mode == "enforce"]},
			} {
				if got := tt.o.post(t, handler, caller); !strings.Contains(got, tt.want) {
					t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
				}
			}
			if got := (operation{DocumentID: "portal/a"}).get(t, handler, caller); got != stub.HelloAnswer {
				t.Errorf("GET: %s", got)
			}
			if got := (operation{DocumentID: "sha256:" + hashOf(mutation)}).get(t, handler, caller); !strings.Contains(got, "use POST") {
				t.Errorf("GET of a mutation: %s", got)
			}
			if got := (operation{DocumentID: "sha256:" + hashOf(mutation)}).post(t, handler, caller); got != stub.HelloAnswer {
				t.Errorf("mutation: %s", got)
			}

			const record = "untrusted document"
			want := map[string]int{"off": 0, "log": 5, "enforce": 0}[mode]
			if got := strings.Count(log.String(), record); got != want {
				t.Errorf("%d records, want %d:\n%s", got, want, log)
			}
			if mode == "log" && !strings.Contains(log.String(), "hash="+hashOf(queryB)+" operation=B caller.tenant=tenant caller.object=object") {
				t.Errorf("log: %s", log)
			}
			if strings.Contains(log.String(), "{") {
				t.Errorf("the log has a text: %s", log)
			}
		})
	}
}

// TestTrustedDocumentsAtStart tests documents that are invalid for the schema.
func TestTrustedDocumentsAtStart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"not in the schema": {`{"one":"{nope}","other":"{hello}"}`, `id "one": input:1:2: Cannot query field "nope"`},
		"too deep":          {`{"one":"` + strings.Repeat("{echo", 20) + "{hello}" + strings.Repeat("}", 20) + `","other":"{hello}"}`, "fields deep"},
		"too long":          {`{"one":"{hello}#` + strings.Repeat("x", 70_000) + `","other":"{hello}"}`, "bytes long"},
		"a wrong hash":      {`{"` + hashOf("{a}") + `":"{hello}"}`, "not the document's hash"},
	} {
		path := filepath.Join(t.TempDir(), "documents.json")
		if err := os.WriteFile(path, []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		log := new(bytes.Buffer)
		trusted, _, err := newDocuments(testConfig(t, "--trusted-documents="+path), stub.Schema(stub.Hello), logs.New(log, "debug", "text"))
		if stale := name != "a wrong hash"; stale && (err != nil || trusted.Manifest().Len() != 1 || !strings.Contains(log.String(), "left out")) {
			t.Errorf("%s: %v, %d documents\n%s", name, err, trusted.Manifest().Len(), log)
		}
		cfg := testConfig(t, "--trusted-documents="+path, "--trusted-documents-strict")
		_, _, err = newDocuments(cfg, stub.Schema(stub.Hello), logs.New(io.Discard, "debug", "text"))
		if err == nil || !strings.Contains(err.Error(), tt.want) || exitCode(err) != 2 {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"a byte order mark": "\ufeff" + `{"other":"{hello}"}`,
		"@defer":            `{"one":"query($d: Boolean = true){... @defer(if: $d, label: \"x\"){hello}}"}`,
	} {
		path := filepath.Join(t.TempDir(), "documents.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		trusted, _, err := newDocuments(testConfig(t, "--trusted-documents="+path, "--trusted-documents-strict"), stub.Schema(stub.Hello), logs.New(io.Discard, "debug", "text"))
		if err != nil || trusted.Manifest().Len() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTrustedDocumentsThroughTheWire tests trusted documents with the whole program.
func TestTrustedDocumentsThroughTheWire(t *testing.T) {
	t.Parallel()
	const listed = "query Errors{assignmentErrors(first:1){nodes{code}}}"
	path := filepath.Join(t.TempDir(), "documents.json")
	manifest := fmt.Sprintf(`{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":%q,"name":"Errors","type":"query","body":%q}]}`, hashOf(listed), listed)
	if err := os.WriteFile(path, []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "--trusted-documents="+path, "--trusted-documents-mode=enforce")
	if status, body := p.ask(t, listed); status != 200 || !strings.Contains(body, `"code":"`) || strings.Contains(body, `"errors"`) {
		t.Errorf("listed: %d %.300s", status, body)
	}
	if status, body := p.ask(t, "{__typename}"); status != 400 || !strings.Contains(body, `"code":"FORBIDDEN"`) {
		t.Errorf("not listed: %d %.300s", status, body)
	}
	if want := `"sha256":"` + hashOf("{__typename}") + `"`; !strings.Contains(p.stdout.String(), want) {
		t.Errorf("no record with %s:\n%s", want, p.stdout)
	}
}
