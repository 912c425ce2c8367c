package graph

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

// cursor is a place in a list: after the element number Skip of an upstream page.
type cursor struct {
	// Link is the upstream page; empty for the first.
	Link string `json:"l,omitempty"`
	// Top is the size of the pages behind Link: the link fixes it.
	Top int `json:"t,omitempty"`
	// Before is how many elements of the list are before the page behind Link.
	Before int `json:"b,omitempty"`
	// Skip is how many elements of the page are before the place.
	Skip int `json:"s,omitempty"`
	// Shown are the properties that the pages behind Link show, joined with commas: the link fixes them.
	Shown string `json:"p,omitempty"`
	// Counted tells that the first page was counted: such lists are read in a way of their own, in which their order
	// may be another.
	Counted bool `json:"c,omitempty"`
	// ID is the element of a held list that the cursor is at.
	ID string `json:"i,omitempty"`
}

// cursors seals cursors, so that a client can neither read nor make one: a cursor leads to where the gateway
// sends its token next. Every gateway with the same key reads them.
type cursors struct {
	keys   *atomic.Pointer[cursorKeys]
	tenant string
}

// cursorKeys open what any of them has sealed. The first seals.
type cursorKeys []cursorKey

// cursorKey seals with AES-256-GCM. The nonce follows from what is sealed, so that the same place has the same cursor in
// each answer: a client that asks again sees that nothing has changed (as in RFC 5297, section 1.3.2, deterministic
// authenticated encryption).
type cursorKey struct {
	aead  cipher.AEAD
	nonce []byte // key of the nonces
}

func newCursorKey(key []byte) (cursorKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return cursorKey{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return cursorKey{}, err
	}
	nonce, err := hkdf.Expand(sha256.New, key, "cursor nonce", sha256.Size)
	return cursorKey{aead, nonce}, err
}

func (k cursorKey) seal(plain, scope []byte) []byte {
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(scope))))
	mac.Write(scope)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:k.aead.NonceSize()]
	return k.aead.Seal(nonce, nonce, plain, scope)
}

func (k cursorKey) open(sealed, scope []byte) ([]byte, error) {
	size := k.aead.NonceSize()
	if len(sealed) < size {
		return nil, errors.New("too short")
	}
	return k.aead.Open(nil, sealed[:size], sealed[size:], scope)
}

const (
	// cursorKeySize is the key size of AES-256.
	cursorKeySize = 32
	// maxCursor bounds what is read as a cursor.
	maxCursor = 8 << 10
)

func newCursors(keys [][]byte, tenant string) (*cursors, error) {
	c := &cursors{keys: &atomic.Pointer[cursorKeys]{}, tenant: tenant}
	return c, c.change(keys)
}

// change has other keys seal and open cursors from now on.
func (c *cursors) change(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("a cursor key is missing")
	}
	var all cursorKeys
	for _, key := range keys {
		if len(key) != cursorKeySize {
			return fmt.Errorf("a cursor key has %d bytes, not %d", cursorKeySize, len(key))
		}
		made, err := newCursorKey(key)
		if err != nil {
			return err
		}
		all = append(all, made)
	}
	c.keys.Store(&all)
	return nil
}

// of returns the cursors as a caller has them, which are those of the caller's tenant.
func (c *cursors) of(caller *identity.Caller) *cursors {
	if caller == nil || caller.TenantID == c.tenant {
		return c
	}
	return &cursors{keys: c.keys, tenant: caller.TenantID}
}

// compressors are used again and again: each takes a megabyte.
var compressors = sync.Pool{New: func() any {
	compressor, _ := flate.NewWriter(nil, flate.BestSpeed) // fails on bad levels only
	return compressor
}}

// seal makes a cursor valid for one list of one tenant: the field and its arguments, but for the page size.
func (c *cursors) seal(list string, at cursor) string {
	var plain bytes.Buffer
	compressed := compressors.Get().(*flate.Writer)
	defer compressors.Put(compressed)
	compressed.Reset(&plain)
	json.NewEncoder(compressed).Encode(at) //nolint:errcheck // a buffer takes all
	compressed.Close()                     //nolint:errcheck // a buffer takes all
	return base64.RawURLEncoding.EncodeToString((*c.keys.Load())[0].seal(plain.Bytes(), c.scope(list)))
}

// open reads a cursor of the list, handed to an argument.
func (c *cursors) open(list, argument, text string) (cursor, error) {
	foreign := &upstream.InputError{Message: "the cursor in `" + argument + "` does not belong to this list: take a cursor of a page with the same arguments, from the same gateway"}
	var at cursor
	if len(text) > maxCursor {
		return at, foreign
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return at, foreign
	}
	var plain []byte
	for _, key := range *c.keys.Load() {
		if plain, err = key.open(sealed, c.scope(list)); err == nil {
			break
		}
	}
	if err != nil {
		return at, foreign
	}
	if err := json.NewDecoder(io.LimitReader(flate.NewReader(bytes.NewReader(plain)), 4*maxCursor)).Decode(&at); err != nil {
		return at, foreign
	}
	return at, nil
}

func (c *cursors) scope(list string) []byte { return []byte(c.tenant + "\x00" + list) }
