package tenant

import (
	"iter"
	"slices"
	"time"
)

// AssignmentError is the failure to assign a product to a user.
type AssignmentError struct {
	User int32
	Sku  Sku
}

// ErrorID returns the ID of an error.
func (t *Tenant) ErrorID(e AssignmentError) string {
	return t.ids.id(errorTopic, uint32(e.User), uint32(e.Sku))
}

// Error returns the error with the ID, which is case-sensitive.
func (t *Tenant) Error(id string) (AssignmentError, bool) {
	i, s, ok := t.ids.opens(errorTopic, id)
	if !ok || int(s) >= len(t.products) || !t.failing[s].has(int32(i)) {
		return AssignmentError{}, false
	}
	return AssignmentError{int32(i), Sku(s)}, true
}

// ErrorsOf returns the errors of a user, in catalog order.
func (t *Tenant) ErrorsOf(i int32) []AssignmentError {
	var list []AssignmentError
	for _, s := range t.failed(i) {
		list = append(list, AssignmentError{i, s})
	}
	return list
}

func (t *Tenant) failed(i int32) []Sku {
	var list []Sku
	for _, r := range t.people[i].rows {
		if r.cause != NoCause && !slices.Contains(list, r.sku) {
			list = append(list, r.sku)
		}
	}
	slices.Sort(list)
	return list
}

// Errors iterates over the errors of some products after a position (-1 for
// all), in the order of users and products.
func (t *Tenant) Errors(after int64, of []Sku) iter.Seq2[int64, AssignmentError] {
	slices.Sort(of)
	return func(yield func(int64, AssignmentError) bool) {
		// The position is the index of the user times maxProducts plus that of
		// the product.
		for i := int32((after + 1) / maxProducts); ; i++ {
			next := int32(-1)
			for _, s := range of {
				if n := t.failing[s].next(i); n >= 0 && (next < 0 || n < next) {
					next = n
				}
			}
			if i = next; i < 0 {
				return
			}
			for _, s := range of {
				if at := int64(i)*maxProducts + int64(s); at > after && t.failing[s].has(i) && !yield(at, AssignmentError{i, s}) {
					return
				}
			}
		}
	}
}

// Failure describes an error.
type Failure struct {
	Cause    Cause
	Message  string
	Occurred time.Time
}

// failure returns the row that reports an error. If several rows failed, it
// prefers one that left a right in force.
func (t *Tenant) failure(e AssignmentError) *row {
	var found *row
	for _, r := range t.people[e.User].states() {
		if r.sku == e.Sku && r.cause != NoCause && (found == nil || found.state == Failed && r.state == PartlyInForce) {
			found = &r
		}
	}
	return found
}

// Failure returns the description of an error.
func (t *Tenant) Failure(e AssignmentError) Failure {
	r := t.failure(e)
	ticks := t.seed.Pick("ticks", int(e.User), 10_000_000)
	return Failure{r.cause, t.message(e.User, r), time.Unix(r.updated, int64(ticks)*100).UTC()}
}

// RightOf returns the right from before an error, if it is still in force.
func (t *Tenant) RightOf(e AssignmentError) (Right, bool) {
	return Right{Ref{User, e.User}, e.Sku}, t.failure(e).state == PartlyInForce
}
