package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// WaitingMember is a place in the queue of an allotment without a free unit.
type WaitingMember struct {
	upstream.Unread      `json:"-"`
	ID                   string     `json:"id"`
	WaitingSinceDateTime *time.Time `json:"waitingSinceDateTime"`
	// Related is what the service sent along.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the id of the place.
func (w *WaitingMember) ObjectID() string { return w.ID }

// FoldIDs brings the id that was read into the form in which it is compared.
func (w *WaitingMember) FoldIDs() { w.ID = FoldID(w.ID) }
