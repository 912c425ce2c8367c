package tenant

import (
	"iter"
	"slices"
	"time"
)

// AssignmentError is one failure: of one person and one product.
type AssignmentError struct {
	User int32
	Sku  Sku
}

// ErrorID is the id of an error.
func (t *Tenant) ErrorID(e AssignmentError) string {
	return t.ids.id(errorTopic, uint32(e.User), uint32(e.Sku))
}

// Error finds an error by its id, exactly as it is written.
func (t *Tenant) Error(id string) (AssignmentError, bool) {
	i, s, ok := t.ids.opens(errorTopic, id)
	if !ok || int(s) >= len(t.products) || !t.failing[s].has(int32(i)) {
		return AssignmentError{}, false
	}
	return AssignmentError{int32(i), Sku(s)}, true
}

// ErrorsOf lists somebody's errors, in catalog order.
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

// Errors runs over the errors of some products after a place, -1 for all, with
// their places: in the order of people and products.
func (t *Tenant) Errors(after int64, of []Sku) iter.Seq2[int64, AssignmentError] {
	slices.Sort(of)
	return func(yield func(int64, AssignmentError) bool) {
		// The place is that of the person, times maxProducts, and the product's.
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

// Failure says what an error is about.
type Failure struct {
	Cause    Cause
	Message  string
	Occurred time.Time
}

// failure is the row that reports an error: of several the one that left a
// right in force.
func (t *Tenant) failure(e AssignmentError) *row {
	var found *row
	for _, r := range t.people[e.User].states() {
		if r.sku == e.Sku && r.cause != NoCause && (found == nil || found.state == Failed && r.state == PartlyInForce) {
			found = &r
		}
	}
	return found
}

// Failure says what an error is about.
func (t *Tenant) Failure(e AssignmentError) Failure {
	r := t.failure(e)
	ticks := t.dice.Pick("ticks", int(e.User), 10_000_000)
	return Failure{r.cause, t.message(e.User, r), time.Unix(r.updated, int64(ticks)*100).UTC()}
}

// RightOf is the right from before an error, if one is still in force.
func (t *Tenant) RightOf(e AssignmentError) (Right, bool) {
	return Right{Ref{User, e.User}, e.Sku}, t.failure(e).state == PartlyInForce
}
