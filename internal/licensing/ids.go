package licensing

// FoldID returns an id in the form in which it is compared: the text of a GUID in lower case, since services write
// either case, and any other id as it is.
func FoldID(id string) string {
	if guid, ok := ParseGUID(id); ok {
		return string(guid)
	}
	return id
}

// FoldIDs brings the ids that were read into the form in which they are compared.
func (u *User) FoldIDs() {
	u.ID = FoldID(u.ID)
	for _, s := range u.LicenseAssignmentStates {
		if s.AssignedByGroup != nil {
			*s.AssignedByGroup = FoldID(*s.AssignedByGroup)
		}
	}
}

// FoldIDs brings the id that was read into the form in which it is compared.
func (g *Group) FoldIDs() { g.ID = FoldID(g.ID) }

// FoldIDs brings the id that was read into the form in which it is compared.
func (d *Device) FoldIDs() { d.ID = FoldID(d.ID) }

// FoldIDs brings the id that was read into the form in which it is compared.
func (o *OtherDirectoryObject) FoldIDs() { o.ID = FoldID(o.ID) }

// FoldIDs brings the id that was read into the form in which it is compared.
func (e *AssignmentError) FoldIDs() { e.ID = FoldID(e.ID) }

// FoldIDs brings the ids that were read into the form in which they are compared.
func (a *Allotment) FoldIDs() {
	a.ID = FoldID(a.ID)
	for _, s := range a.Subscriptions {
		s.SubscriptionID = FoldID(s.SubscriptionID)
	}
}

// FoldIDs brings the id that was read into the form in which it is compared.
func (a *Assignment) FoldIDs() { a.ID = FoldID(a.ID) }

// FoldIDs brings the id that was read into the form in which it is compared.
func (w *WaitingMember) FoldIDs() { w.ID = FoldID(w.ID) }

// FoldIDs brings the id that was read into the form in which it is compared.
func (r *UsageRight) FoldIDs() { r.ID = FoldID(r.ID) }

// FoldIDs brings the ids that were read into the form in which they are compared.
func (s *SubscribedSku) FoldIDs() {
	for i, id := range s.SubscriptionIDs {
		s.SubscriptionIDs[i] = FoldID(id)
	}
}
