package tenant

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// topic is the kind of object that an ID identifies.
type topic uint8

const (
	errorTopic topic = iota + 1
	waitingTopic
	detailsTopic
	rightTopic      // plus the kind of the assignee
	assignmentTopic = rightTopic + 8
)

// ids generates the IDs of objects without an identity of their own, such as
// the error of a user and a product, in the two formats of licensing IDs: a
// GUID, and 52 characters of a-z and 2-7. IDs are opaque to clients. The
// emulator decrypts them, so it needs no index.
type ids struct{ block cipher.Block }

func newIDs(d Seed) ids {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], d.Number("ids", 0))
	binary.BigEndian.PutUint64(key[8:], d.Number("ids", 1))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // The key has the valid length of 16 bytes.
	}
	return ids{block}
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id returns the ID for a topic and two numbers.
func (s ids) id(of topic, a, b uint32) string {
	var sealed [32]byte
	sealed[0] = byte(of)
	binary.BigEndian.PutUint32(sealed[4:], a)
	binary.BigEndian.PutUint32(sealed[8:], b)
	s.block.Encrypt(sealed[:16], sealed[:16])
	if sealed[15]%4 != 0 {
		return GUID(sealed[:16]).String()
	}
	s.block.Encrypt(sealed[16:], sealed[:16])
	return lowerBase32.EncodeToString(sealed[:])
}

// open is the inverse of id.
func (s ids) open(text string) (of topic, a, b uint32, ok bool) {
	var sealed [16]byte
	if g, isGUID := ParseGUID(text); isGUID {
		sealed = g
	} else if long, err := lowerBase32.DecodeString(text); err == nil && len(long) == 32 && !strings.ContainsAny(text, "\r\n") {
		copy(sealed[:], long)
	} else {
		return 0, 0, 0, false
	}
	s.block.Decrypt(sealed[:], sealed[:])
	of, a, b = topic(sealed[0]), binary.BigEndian.Uint32(sealed[4:]), binary.BigEndian.Uint32(sealed[8:])
	return of, a, b, s.id(of, a, b) == text
}

// opens is open for one topic.
func (s ids) opens(of topic, text string) (a, b uint32, ok bool) {
	got, a, b, ok := s.open(text)
	return a, b, ok && got == of
}
