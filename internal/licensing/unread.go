package licensing

// Unread are the properties of an object that could not be read, by their names upstream, each with why: its value is
// odd, or the read that would have brought it failed. They have the zero value; of a list the elements that could be
// read are left.
type Unread map[string]error

// WhyUnread returns why a property could not be read; nil when it could.
func (u Unread) WhyUnread(property string) error { return u[property] }

// HasUnread tells whether any property could not be read.
func (u Unread) HasUnread() bool { return len(u) > 0 }

// Lose notes why a property could not be read.
func (u *Unread) Lose(property string, why error) {
	if *u == nil {
		*u = Unread{}
	}
	(*u)[property] = why
}

// OddValue is the error of a property, such as "User.deletedDateTime", whose value could not be read.
func OddValue(property string) error {
	return &UpstreamError{Kind: ErrUnreadable, Operation: property}
}
