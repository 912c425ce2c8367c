package upstream

// Partial is an expanded object with some of its properties.
type Partial[T any] struct {
	Object T
	// Properties are the loaded properties, null or not.
	Properties map[string]bool
	// IDOnly reports that only the ID is set and all other properties are null.
	IDOnly bool
}

// Unread maps the properties that could not be read, by their Microsoft Graph names, to the reasons: an invalid value
// or a failed request. Such a property has its zero value; a list has its readable elements.
type Unread map[string]error

// ReadError returns the error of a property that could not be read; nil if it could.
func (u Unread) ReadError(property string) error { return u[property] }

// HasReadErrors reports whether a property could not be read.
func (u Unread) HasReadErrors() bool { return len(u) > 0 }

// SetReadError sets the error of a property that could not be read.
func (u *Unread) SetReadError(property string, why error) {
	if *u == nil {
		*u = Unread{}
	}
	(*u)[property] = why
}

// OddValue returns the error for a property, such as "User.deletedDateTime", with an invalid value.
func OddValue(property string) error {
	return &Error{Kind: ErrUnreadable, Operation: property}
}
