package graph

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
)

// cursor is a place in a list: after the element number Skip of an upstream page.
type cursor struct {
	// Link is the upstream page; empty for the first.
	Link string `json:"l,omitempty"`
	// Top is the size that was asked of the first page.
	Top int `json:"t,omitempty"`
	// Skip is how many elements of the page are before the place.
	Skip int `json:"s,omitempty"`
	// Shown are the properties that the pages behind Link show, joined with commas: the link fixes them.
	Shown string `json:"p,omitempty"`
	// Count is the number of elements in the whole list, which the service tells with its first page only.
	Count *int32 `json:"n,omitempty"`
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
type cursorKeys []cipher.AEAD

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
		block, err := aes.NewCipher(key)
		if err != nil {
			return err
		}
		aead, err := cipher.NewGCMWithRandomNonce(block)
		if err != nil {
			return err
		}
		all = append(all, aead)
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
	return base64.RawURLEncoding.EncodeToString((*c.keys.Load())[0].Seal(nil, nil, plain.Bytes(), c.scope(list)))
}

// open reads a cursor of the list, handed to an argument.
func (c *cursors) open(list, argument, text string) (cursor, error) {
	foreign := &licensing.InputError{Message: "the cursor in `" + argument + "` does not belong to this list: take a cursor of a page with the same arguments, from the same gateway"}
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
		if plain, err = key.Open(nil, nil, sealed, c.scope(list)); err == nil {
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
