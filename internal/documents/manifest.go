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
	// manifestBytes is the maximum size of the file, and manifestDocuments the maximum number of documents.
	manifestBytes     = 16 << 20
	manifestDocuments = 20_000
	// manifestProblems is the maximum number of problems in an error.
	manifestProblems = 20
	// idBytes is the maximum length of an ID.
	idBytes = 256
	// apolloFormat identifies the manifests of Apollo's tools
	// (https://www.apollographql.com/docs/graphos/platform/security/persisted-queries).
	apolloFormat = "apollo-persisted-query-manifest"
	// sha256Prefix is the prefix of an ID that is a hash (GraphQL over HTTP, appendix on persisted documents).
	sha256Prefix = "sha256:"
)

// Manifest is a list of trusted documents by ID.
type Manifest struct {
	byID   map[string]string // text by ID
	byHash map[string]string
}

// entry is one document of a manifest.
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

// ReadManifest parses a manifest: Apollo's format, or an object that maps IDs to documents, as other clients' tools
// write it. check returns the error of a document that cannot be executed: such documents are stale and left out. The
// error has one line for each entry that is invalid otherwise.
func ReadManifest(text []byte, check func(text string) error) (m *Manifest, stale []error, err error) {
	entries, err := readEntries(bytes.TrimPrefix(text, []byte(byteOrderMark)))
	if err != nil {
		return nil, nil, err
	}
	if len(entries) > manifestDocuments {
		return nil, nil, fmt.Errorf("%d documents; %d are allowed", len(entries), manifestDocuments)
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
			problems = append(problems, errors.New("further problems omitted"))
			break
		}
		problems = append(problems, fmt.Errorf("%s: %w", &e, err))
	}
	if problems != nil {
		return nil, nil, errors.Join(problems...)
	}
	return m, stale, nil
}

// staleError is the error of a document that is invalid for the current schema or limits.
type staleError struct{ error }

func (e *staleError) Unwrap() error { return e.error }

// byteOrderMark is the prefix of files that some tools on Windows write.
const byteOrderMark = "\ufeff"

// readEntries parses either format.
func readEntries(text []byte) ([]entry, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(text, &members); err != nil || members == nil {
		return nil, errors.New("not a JSON object")
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
		return nil, fmt.Errorf("invalid %s: %w", apolloFormat, err)
	}
	if manifest.Version != 1 {
		return nil, fmt.Errorf("unsupported version of %s: %d; want 1", apolloFormat, manifest.Version)
	}
	return manifest.Operations, nil
}

// flatEntries parses an object entry by entry: a map would hide duplicate IDs.
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
			return nil, fmt.Errorf("%s: not the text of a document", &e)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// hexadecimal matches a SHA-256 hash.
var hexadecimal = regexp.MustCompile(`^[0-9a-f]{64}$`)

// hashOf returns the SHA-256 hash of a text.
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (m *Manifest) add(e *entry, check func(text string) error) error {
	if e.ID == "" || len(e.ID) > idBytes {
		return fmt.Errorf("invalid ID: want 1 to %d bytes", idBytes)
	}
	if _, known := m.byID[e.ID]; known {
		return errors.New("duplicate ID")
	}
	hash := hashOf(e.Body)
	claimed, prefixed := strings.CutPrefix(e.ID, sha256Prefix)
	if (prefixed || hexadecimal.MatchString(claimed)) && claimed != hash {
		return fmt.Errorf("the ID is not the document's hash, which is %s", hash)
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

// checkOperation compares the document with the operation's name and type in the manifest.
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
		return fmt.Errorf("no such operation of type %.20q in the document", e.Type)
	}
	return nil
}

// Len returns the number of documents.
func (m *Manifest) Len() int {
	if m == nil {
		return 0
	}
	return len(m.byID)
}

// find returns the text of an ID: an ID of the manifest, or a hash with or without its prefix.
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

// has reports whether the document with the hash is trusted.
func (m *Manifest) has(hash string) bool {
	if m == nil {
		return false
	}
	_, ok := m.byHash[hash]
	return ok
}

// texts returns all documents, for tests.
func (m *Manifest) texts() []string { return slices.Sorted(maps.Values(m.byHash)) }

// readAll reads a manifest's file up to its maximum size.
func readAll(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, manifestBytes+1))
	if err == nil && len(text) > manifestBytes {
		err = fmt.Errorf("larger than %d MiB", manifestBytes>>20)
	}
	return text, err
}
