package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// WaitingMember is a member that waits for a free unit of an allotment.
type WaitingMember struct {
	upstream.Unread      `json:"-"`
	ID                   string     `json:"id"`
	WaitingSinceDateTime *time.Time `json:"waitingSinceDateTime"`
	// Related are the expanded relations.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the ID of the waiting member.
func (w *WaitingMember) ObjectID() string { return w.ID }

// FoldIDs normalizes the waiting member's ID for comparison. See [FoldID].
func (w *WaitingMember) FoldIDs() { w.ID = FoldID(w.ID) }
