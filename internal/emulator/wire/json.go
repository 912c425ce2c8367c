package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// Encode writes v as JSON with its names in order, so that equal answers are equal
// bytes.
func Encode(v any) []byte {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false) // Links have & in them.
	if err := j.Encode(v); err != nil {
		panic(err) // The emulator encodes nothing but its own values.
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Digest is a short text that differs between texts.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
