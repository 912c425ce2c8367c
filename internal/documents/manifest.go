package documents

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

const (
	// manifestBytes bounds the file, and manifestDocuments what is in it.
	manifestBytes     = 16 << 20
	manifestDocuments = 20_000
	// manifestProblems bounds the problems that are told at once.
	manifestProblems = 20
	// idBytes bounds an id.
	idBytes = 256
	// apolloFormat is what tells the manifests of Apollo's tools from others
	// (https://www.apollographql.com/docs/graphos/platform/security/persisted-queries).
	apolloFormat = "apollo-persisted-query-manifest"
	// sha256Prefix begins an id that is a hash (GraphQL over HTTP, appendix on persisted documents).
	sha256Prefix = "sha256:"
)

// Manifest is a list of documents that may run, each under an id.
type Manifest struct {
	byID   map[string]string // texts
	byHash map[string]string
}

// entry is one document as a manifest has it.
type entry struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Type string `json:"type"`
	Body string `json:"body"`
}

func (e *entry) String() string {
	if e.Name == "" {
		return fmt.Sprintf("id %.80q", e.ID)
	}
	return fmt.Sprintf("id %.80q, operation %.80q", e.ID, e.Name)
}

// ReadManifest reads a manifest: Apollo's, or one object with the documents by their ids, as other clients' tools
// write it. check tells what is wrong with a text besides: such documents are stale, and left out. The error has each
// entry that is wrong in another way, on a line of its own.
func ReadManifest(text []byte, check func(text string) error) (m *Manifest, stale []error, err error) {
	entries, err := readEntries(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	if err != nil {
		return nil, nil, err
	}
	if len(entries) > manifestDocuments {
		return nil, nil, fmt.Errorf("it has %d documents; %d are allowed", len(entries), manifestDocuments)
	}
	m = &Manifest{byID: make(map[string]string, len(entries)), byHash: make(map[string]string, len(entries))}
	var problems []error
	for _, e := range entries {
		err := m.add(&e, check)
		if err == nil {
			continue
		}
		if _, ok := errors.AsType[*staleError](err); ok {
			stale = append(stale, fmt.Errorf("%s: %w", &e, err))
			continue
		}
		if len(problems) == manifestProblems {
			problems = append(problems, errors.New("and more"))
			break
		}
		problems = append(problems, fmt.Errorf("%s: %w", &e, err))
	}
	if problems != nil {
		return nil, nil, errors.Join(problems...)
	}
	return m, stale, nil
}

// staleError is why a document does not run any more, or not yet: the schema, or a limit, has changed.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

// byteOrderMark begins files that some tools of Windows write.
const byteOrderMark = "\ufeff"

// readEntries reads either form.
func readEntries(text []byte) ([]entry, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("it is not a JSON object")
	}
	var format string
	if json.Unmarshal(members["format"], &format) != nil || format != apolloFormat {
		return flatEntries(text)
	}
	var manifest struct {
		Version    int
		Operations []entry
	}
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, fmt.Errorf("it is not as %s says: %w", apolloFormat, err)
	}
	if manifest.Version != 1 {
		return nil, fmt.Errorf("%s of version %d is not known: version 1 is", apolloFormat, manifest.Version)
	}
	return manifest.Operations, nil
}

// flatEntries reads an object of texts, one by one: a map would hide an id that is there twice.
func flatEntries(text []byte) ([]entry, error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	var entries []entry
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		e := entry{ID: fmt.Sprint(name)}
		if err := decoder.Decode(&e.Body); err != nil {
			return nil, fmt.Errorf("%s: it is not the text of a document", &e)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// hexadecimal is what a SHA-256 hash looks like.
var hexadecimal = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hashOf returns the hash of a document's text.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (m *Manifest) add(e *entry, check func(text string) error) error {
	if e.ID == "" || len(e.ID) > idBytes {
		return fmt.Errorf("an id has 1 to %d bytes", idBytes)
	}
	if _, known := m.byID[e.ID]; known {
		return errors.New("the id is there twice")
	}
	hash := hashOf(e.Body)
	claimed, prefixed := strings.CutPrefix(e.ID, sha256Prefix)
	if (prefixed || hexadecimal.MatchString(claimed)) && claimed != hash {
		return fmt.Errorf("the id is not the hash of the document, which is %s", hash)
	}
	if err := check(e.Body); err != nil {
		return &staleError{err}
	}
	if err := e.checkOperation(); err != nil {
		return err
	}
	m.byID[e.ID], m.byHash[hash] = e.Body, e.Body
	return nil
}

// checkOperation holds the document to the name and the type that the manifest says it has.
func (e *entry) checkOperation() error {
	document, err := parser.ParseQuery(&ast.Source{Input: e.Body})
	if err != nil {
		return err
	}
	if e.Name == "" && e.Type == "" {
		return nil
	}
	if !slices.ContainsFunc(document.Operations, func(o *ast.OperationDefinition) bool {
		return (e.Name == "" || o.Name == e.Name) && (e.Type == "" || string(o.Operation) == e.Type)
	}) {
		return fmt.Errorf("the document has no such operation of the type %.20q", e.Type)
	}
	return nil
}

// Len is the number of documents.
func (m *Manifest) Len() int {
	if m == nil {
		return 0
	}
	return len(m.byID)
}

// find returns the text of an id: one of the manifest, or a hash with or without its prefix.
func (m *Manifest) find(id string) (string, bool) {
	if m == nil {
		return "", false
	}
	if text, ok := m.byID[id]; ok {
		return text, true
	}
	text, ok := m.byHash[strings.TrimPrefix(id, sha256Prefix)]
	return text, ok
}

// has tells whether a text of that hash may run.
func (m *Manifest) has(hash string) bool {
	if m == nil {
		return false
	}
	_, ok := m.byHash[hash]
	return ok
}

// texts returns all documents, for tests.
func (m *Manifest) texts() []string { return slices.Sorted(maps.Values(m.byHash)) }

// readAll reads a manifest's file, which is not endless.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, manifestBytes+1))
	if err == nil && len(text) > manifestBytes {
		err = fmt.Errorf("it is longer than %d MiB", manifestBytes>>20)
	}
	return text, err
}
