// Package cursor encrypts positions in lists as cursors.
package cursor

import (
	"bytes"
	"cmp"
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

// Position is a position in a list: after element Skip of an upstream page.
type Position struct {
	// Link is the URL of the upstream page (@odata.nextLink); empty for the first.
	Link string `json:"l,omitempty"`
	// Top is the page size that Link fixes.
	Top int `json:"t,omitempty"`
	// Before is the number of list elements before the page at Link.
	Before int `json:"b,omitempty"`
	// Skip is the number of elements of the page before the position.
	Skip int `json:"-"`
	// Shown are the selected properties that Link fixes, joined with commas.
	Shown string `json:"p,omitempty"`
	// Counted reports that the first page was read with $count, which can change the order of the list.
	Counted bool `json:"c,omitempty"`
	// ID is the element at the position, in a list that is paged by the gateway.
	ID string `json:"-"`
	// Source is the source of findings.
	Source int `json:"f,omitempty"`
	// Part is the number of findings of the next element before the position.
	Part int `json:"-"`
}

// Sealer encrypts positions to cursors, so that clients can neither read nor forge them: a position has the URL to which
// the gateway sends its token next. Replicas with the same keys accept each other's cursors.
type Sealer struct {
	keys   *atomic.Pointer[keySet]
	tenant string
}

// keySet are the keys that decrypt cursors. The first one also encrypts.
type keySet []key

// key encrypts with AES-256-GCM. The nonce is derived from the plaintext, so that equal positions have equal
// cursors and a client can compare responses (deterministic authenticated encryption, RFC 5297, section 1.3.2).
type key struct {
	aead  cipher.AEAD
	nonce []byte // HMAC key that derives nonces
}

func newKey(secret []byte) (key, error) {
	block, err := aes.NewCipher(secret)
	if err != nil {
		return key{}, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return key{}, err
	}
	nonce, err := hkdf.Expand(sha256.New, secret, "cursor nonce", sha256.Size)
	return key{aead, nonce}, err
}

func (k key) seal(plain, scope []byte) []byte {
	mac := hmac.New(sha256.New, k.nonce)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(scope))))
	mac.Write(scope)
	mac.Write(plain)
	nonce := mac.Sum(nil)[:k.aead.NonceSize()]
	return k.aead.Seal(nonce, nonce, plain, scope)
}

func (k key) open(sealed, scope []byte) ([]byte, error) {
	size := k.aead.NonceSize()
	if len(sealed) < size {
		return nil, errors.New("too short")
	}
	return k.aead.Open(nil, sealed[:size], sealed[size:], scope)
}

const (
	// keySize is the key size of AES-256 in bytes.
	keySize = 32
	// maxLength limits the length of a cursor in bytes.
	maxLength = 8 << 10
)

// encoding is strict: each cursor has one text.
var encoding = base64.RawURLEncoding.Strict()

func New(keys [][]byte, tenant string) (*Sealer, error) {
	c := &Sealer{keys: &atomic.Pointer[keySet]{}, tenant: tenant}
	return c, c.ChangeKeys(keys)
}

// ChangeKeys replaces the keys. It fails if there is none or one has the wrong size.
func (c *Sealer) ChangeKeys(keys [][]byte) error {
	if len(keys) == 0 {
		return errors.New("a cursor key is missing")
	}
	var all keySet
	for _, key := range keys {
		if len(key) != keySize {
			return fmt.Errorf("a cursor key has %d bytes, not %d", keySize, len(key))
		}
		made, err := newKey(key)
		if err != nil {
			return err
		}
		all = append(all, made)
	}
	c.keys.Store(&all)
	return nil
}

// Of returns the sealer of the caller's tenant.
func (c *Sealer) Of(caller *identity.Caller) *Sealer {
	if caller == nil || caller.TenantID == c.tenant {
		return c
	}
	return &Sealer{keys: c.keys, tenant: caller.TenantID}
}

// compressors are pooled: each allocates about 1 MB.
var compressors = sync.Pool{New: func() any {
	compressor, _ := flate.NewWriter(nil, flate.BestSpeed) // fails for invalid levels only
	return compressor
}}

// In returns the function that encrypts positions in one list, a field and its arguments except the page size. Cursors
// are bound to the list and the tenant. Positions in the same upstream page share the work.
func (c *Sealer) In(list string) func(Position) string {
	var last atomic.Pointer[compressedPage]
	scope := c.scope(list)
	return func(at Position) string {
		page := at
		page.Skip, page.Part, page.ID = 0, 0, ""
		shared := last.Load()
		if shared == nil || shared.page != page {
			shared = &compressedPage{page, compressed(page)}
			last.Store(shared)
		}
		plain := make([]byte, 0, 3*binary.MaxVarintLen64+len(at.ID)+len(shared.text))
		plain = binary.AppendUvarint(plain, uint64(at.Skip))
		plain = binary.AppendUvarint(plain, uint64(at.Part))
		plain = binary.AppendUvarint(plain, uint64(len(at.ID)))
		plain = append(append(plain, at.ID...), shared.text...)
		return encoding.EncodeToString((*c.keys.Load())[0].seal(plain, scope))
	}
}

// compressedPage is the compressed text of a position without what differs in an upstream page.
type compressedPage struct {
	page Position
	text []byte
}

// compressed returns the compressed JSON of a position.
func compressed(page Position) []byte {
	var text bytes.Buffer
	compressor := compressors.Get().(*flate.Writer)
	defer compressors.Put(compressor)
	compressor.Reset(&text)
	json.NewEncoder(compressor).Encode(page) //nolint:errcheck // a buffer does not fail
	compressor.Close()                       //nolint:errcheck // a buffer does not fail
	return text.Bytes()
}

// Open decrypts a cursor that was passed in an argument. It returns an InputError unless the cursor belongs to the
// list and the tenant.
func (c *Sealer) Open(list, argument, text string) (Position, error) {
	foreign := &upstream.InputError{Message: "the cursor in `" + argument + "` does not belong to this list: use a cursor of a page with the same arguments, from the same gateway"}
	var at Position
	if len(text) > maxLength {
		return at, foreign
	}
	sealed, err := encoding.DecodeString(text)
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
	if at, err = read(plain); err != nil {
		return at, foreign
	}
	return at, nil
}

// read returns the position in a decrypted cursor.
func read(plain []byte) (Position, error) {
	text := bytes.NewReader(plain)
	skip, err := binary.ReadUvarint(text)
	part, err2 := binary.ReadUvarint(text)
	length, err3 := binary.ReadUvarint(text)
	if err = cmp.Or(err, err2, err3); err != nil {
		return Position{}, err
	}
	id := make([]byte, min(length, maxLength))
	if _, err := io.ReadFull(text, id); err != nil {
		return Position{}, err
	}
	var at Position
	err = json.NewDecoder(io.LimitReader(flate.NewReader(text), 4*maxLength)).Decode(&at)
	at.Skip, at.Part, at.ID = int(skip), int(part), string(id)
	return at, err
}

func (c *Sealer) scope(list string) []byte { return []byte(c.tenant + "\x00" + list) }
