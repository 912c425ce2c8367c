package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
)

// Encode writes v as JSON with sorted names, so that equal answers have equal
// bytes.
func Encode(v any) []byte {
	var b bytes.Buffer
	j := json.NewEncoder(&b)
	j.SetEscapeHTML(false) // Links contain &.
	if err := j.Encode(v); err != nil {
		panic(err) // All encoded values are the emulator's own.
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// Digest returns a short hash of a text.
func Digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
