package tenant

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base32"
	"encoding/binary"
	"strings"
)

// topic says what an id names.
type topic uint8

const (
	errorTopic topic = iota + 1
	waitingTopic
	detailsTopic
	rightTopic      // and the kind of the holder
	assignmentTopic = rightTopic + 8
)

// ids makes the ids of what has no identity of its own, such as the error of a
// person and a product, in the two shapes in which licensing ids are seen: that
// of a GUID, and 52 characters of a-z and 2-7. To others they say nothing; here
// they can be opened, so that no index of them is needed.
type ids struct{ block cipher.Block }

func newIDs(d Dice) ids {
	var key [16]byte
	binary.BigEndian.PutUint64(key[:8], d.Roll("ids", 0))
	binary.BigEndian.PutUint64(key[8:], d.Roll("ids", 1))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err) // Sixteen bytes are a key.
	}
	return ids{block}
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// id names what a topic has for two numbers.
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

// open reads what id wrote.
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
