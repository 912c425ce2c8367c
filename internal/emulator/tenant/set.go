package tenant

import "math/bits"

const blockSize = 1024

// set is a set of small numbers that uses little memory where it is sparse.
type set struct {
	blocks []*[blockSize / 64]uint64
	n      int
}

func (s *set) has(i int32) bool {
	at := int(i) / blockSize
	return at < len(s.blocks) && s.blocks[at] != nil && s.blocks[at][i%blockSize/64]>>(i%64)&1 == 1
}

// put adds i to the set or removes it.
func (s *set) put(i int32, in bool) {
	if s.has(i) == in {
		return
	}
	at := int(i) / blockSize
	for len(s.blocks) <= at {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[at] == nil {
		s.blocks[at] = new([blockSize / 64]uint64)
	}
	s.blocks[at][i%blockSize/64] ^= 1 << (i % 64)
	if in {
		s.n++
	} else {
		s.n--
	}
}

// next returns the first member at or after i, or -1.
func (s *set) next(i int32) int32 {
	for at := int(i) / blockSize; at < len(s.blocks); at++ {
		block := s.blocks[at]
		if block == nil {
			continue
		}
		from := max(i, int32(at)*blockSize) % blockSize
		for word := from / 64; word < blockSize/64; word++ {
			rest := block[word]
			if word == from/64 {
				rest &= ^uint64(0) << (from % 64)
			}
			if rest != 0 {
				return int32(at)*blockSize + word*64 + int32(bits.TrailingZeros64(rest))
			}
		}
	}
	return -1
}

// after iterates over the members greater than i, in order. The set must not
// change during the iteration.
func (s *set) after(i int32) func(yield func(int32) bool) {
	return func(yield func(int32) bool) {
		for j := s.next(i + 1); j >= 0; j = s.next(j + 1) {
			if !yield(j) {
				return
			}
		}
	}
}
