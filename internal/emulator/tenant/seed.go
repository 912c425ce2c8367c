package tenant

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// Seed is the seed of random numbers, each of which depends only on the seed, a
// topic and an index. So the tenant does not depend on the order in which it
// is built, and a new topic does not change existing data.
type Seed uint64

func (s Seed) Number(topic string, i int) uint64 {
	h := uint64(14695981039346656037) // FNV-1a over the topic
	for _, b := range []byte(topic) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	h ^= mix(uint64(s)+0x9e3779b97f4a7c15) ^ mix(uint64(i)*0xd1342543de82ef95+1)
	return mix(h) // splitmix64 distributes the bits
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Pick returns a number less than n.
func (s Seed) Pick(topic string, i, n int) int {
	return int(s.Number(topic, i) % uint64(n))
}

func (s Seed) GUID(topic string, i int) GUID {
	var g GUID
	binary.BigEndian.PutUint64(g[:8], s.Number(topic, i))
	binary.BigEndian.PutUint64(g[8:], s.Number(topic+"'", i))
	g[6] = g[6]&0x0f | 0x40 // version 4, RFC 9562 section 5.4
	g[8] = g[8]&0x3f | 0x80
	return g
}

// LongID returns an ID in the other format of licensing IDs: 52 characters of
// a-z and 2-7.
func (s Seed) LongID(topic string, i int) string {
	sum := sha256.Sum256([]byte(strconv.FormatUint(uint64(s), 16) + "/" + topic + "/" + strconv.Itoa(i)))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:]))
}

// GUID is a compact form, because a tenant can have a million users.
type GUID [16]byte

func (g GUID) String() string {
	var b [36]byte
	hex.Encode(b[0:], g[0:4])
	hex.Encode(b[9:], g[4:6])
	hex.Encode(b[14:], g[6:8])
	hex.Encode(b[19:], g[8:10])
	hex.Encode(b[24:], g[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// ParseGUID parses the 36-character form, in upper or lower case.
func ParseGUID(s string) (g GUID, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return g, false
	}
	_, err := hex.Decode(g[:], []byte(s[0:8]+s[9:13]+s[14:18]+s[19:23]+s[24:36]))
	return g, err == nil
}
