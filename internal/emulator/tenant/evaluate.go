package tenant

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// evaluate applies the rules of the package documentation to the rows of a user.
// existing is the set of allotments of which the user already has a unit. Earlier
// rows win over later ones. A required plan can come from any row, so evaluate
// repeats until nothing changes.
func (t *Tenant) evaluate(i int32, rows []row, existing poolSet) {
	usable := t.usable[:0] // before
	for j := range rows {
		usable = append(usable, rows[j].state.usable())
	}
	t.usable = usable
	var failed []int32 // groups with several products, one of which failed
	for round := range 8 {
		changed := false
		for j := range rows {
			others := rows
			if round == 0 {
				others = rows[:j]
			}
			r := rows[j]
			r.state, r.cause, r.missing = InForce, NoCause, 0
			switch {
			case t.allotments[r.pool].works():
				t.check(i, &r, j, others, existing)
				if r.cause == NoCause && slices.Contains(failed, r.group) {
					r.cause = GroupFailed
				}
			case existing>>r.pool&1 == 1:
				r.state = Disabled
			default: // Suspended products give no units.
				r.cause = Count
			}
			if r.cause != NoCause {
				r.state = PartlyInForce
				if !usable[j] || t.allows(&r).empty() {
					r.state, r.missing = Failed, 0
				}
			}
			changed = changed || round == 0 || r.state != rows[j].state || r.missing != rows[j].missing
			rows[j] = r
		}
		if changed {
			continue
		}
		for _, r := range rows {
			if r.group >= 0 && !slices.Contains(failed, r.group) && failsGroup(rows, r.group, r.sku) {
				failed, changed = append(failed, r.group), true
			}
		}
		if !changed {
			return
		}
	}
}

// failsGroup reports whether a group with several products could not assign
// this one from any allotment. Then it assigns none of them.
func failsGroup(rows []row, group int32, s Sku) bool {
	several := false
	for _, r := range rows {
		if r.group != group {
			continue
		}
		if r.sku == s && r.cause == NoCause {
			return false
		}
		several = several || r.sku != s
	}
	return several
}

// check finds the first rule that r, the row at index j, violates, if any, and
// all plans that violate it.
func (t *Tenant) check(i int32, r *row, j int, others []row, existing poolSet) {
	p := &t.products[r.sku]
	on := p.ruled(p.all.andNot(r.off))
	if on != 0 {
		location := cmp.Or(t.people[i].Text("usageLocation"), Country)
		if failing := on & t.notOffered[location]; failing != 0 {
			r.fail(Location, failing, t.placeNumber(location))
			return
		}
		var same, elsewhere ruledSet // plans that the user may use, of this product and of others
		for k := range others {
			o := &others[k]
			if k == j || !o.state.usable() {
				continue
			}
			op := &t.products[o.sku]
			if set := op.ruled(op.all.andNot(o.off)) &^ o.missing; o.sku == r.sku {
				same |= set
			} else {
				elsewhere |= set
			}
		}
		var failing, other ruledSet
		for set := on; set != 0; set &= set - 1 {
			n := bits.TrailingZeros64(uint64(set))
			if against := t.excludes[n] & elsewhere; against != 0 {
				failing |= 1 << n
				other |= against
			}
		}
		if failing != 0 {
			r.fail(Exclusive, failing, uint8(bits.TrailingZeros64(uint64(other))))
			return
		}
		for set := on; set != 0; set &= set - 1 {
			n := bits.TrailingZeros64(uint64(set))
			if needs := t.requires[n]; needs != 0 && needs&(on|same|elsewhere) == 0 {
				failing |= 1 << n
			}
		}
		if failing != 0 {
			r.fail(Dependency, failing, t.requiresID[bits.TrailingZeros64(uint64(failing))])
			return
		}
	}
	if stamped := on & t.mailbox; stamped != 0 && t.addressTaken(i) {
		r.fail(Uniqueness, stamped, 0)
		return
	}
	if t.people[i].busy {
		r.fail(Contention, 0, 0)
		return
	}
	if !t.canTake(i, int(r.pool), existing) { // The unit is checked last.
		r.fail(Count, 0, 0)
	}
}

func (r *row) fail(c Cause, failing ruledSet, other uint8) {
	r.cause, r.missing, r.other = c, failing, other
	if failing != 0 {
		r.plan = uint8(bits.TrailingZeros64(uint64(failing)))
	}
}

// placeNumber returns the number of a usage location.
func (t *Tenant) placeNumber(location string) uint8 {
	n := slices.Index(t.places, location)
	if n < 0 {
		n = len(t.places)
		t.places = append(t.places, location)
	}
	return uint8(n)
}

// addressTaken reports whether another object has the address of the user's
// future mailbox.
func (t *Tenant) addressTaken(i int32) bool {
	if len(t.addresses) == 0 {
		return false
	}
	holder, taken := t.addresses[strings.ToLower(t.people[i].name)]
	return taken && holder != t.refOf(i)
}

// canTake reports whether a user can have a unit of an allotment: the unit
// that the user already has, or a free one without a queue.
func (t *Tenant) canTake(i int32, pool int, existing poolSet) bool {
	if existing>>pool&1 == 1 {
		return true
	}
	a := t.allotments[pool]
	if a.Free() <= 0 {
		return false
	}
	first, queue := t.first(a)
	return !queue || first == i
}
