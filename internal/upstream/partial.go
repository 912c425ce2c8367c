package upstream

// Partial is an object that came along with another one, as far as it was shown.
type Partial[T any] struct {
	Object T
	// Properties are the properties that were shown, null or not.
	Properties map[string]bool
	// Bare tells that nothing came but the id, the rest being null.
	Bare bool
}

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
	return &Error{Kind: ErrUnreadable, Operation: property}
}
