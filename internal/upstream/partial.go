package upstream

// Partial is an expanded object with some of its properties.
type Partial[T any] struct {
	Object T
	// Properties are the loaded properties, null or not.
	Properties map[string]bool
	// Bare reports that only the ID is set and all other properties are null.
	Bare bool
}

// Unread maps the properties that could not be read, by their Microsoft Graph names, to the reasons: an invalid value
// or a failed request. Such a property has its zero value; a list has its readable elements.
type Unread map[string]error

// WhyUnread returns the reason why a property could not be read; nil if it could.
func (u Unread) WhyUnread(property string) error { return u[property] }

// HasUnread reports whether any property could not be read.
func (u Unread) HasUnread() bool { return len(u) > 0 }

// Lose records the reason why a property could not be read.
func (u *Unread) Lose(property string, why error) {
	if *u == nil {
		*u = Unread{}
	}
	(*u)[property] = why
}

// OddValue returns the error for a property, such as "User.deletedDateTime", with an invalid value.
func OddValue(property string) error {
	return &Error{Kind: ErrUnreadable, Operation: property}
}
