package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// Node is an object with an id that is unique in the tenant.
type Node interface {
	ObjectID() string
}

// DirectoryObject is anything in the directory that a license or an error can point to: a *[User], a
// *[Group], a *[Device] or an *[OtherDirectoryObject].
type DirectoryObject interface {
	Node
	isDirectoryObject()
}

// Reference is a directory object as far as an answer showed it.
type Reference = upstream.Partial[DirectoryObject]

// OtherDirectoryObject is a directory object of a kind that has no type of its own here.
type OtherDirectoryObject struct {
	upstream.Unread `json:"-"`
	ID              string     `json:"id"`
	ODataType       string     `json:"@odata.type"`
	DeletedDateTime *time.Time `json:"deletedDateTime"`
	DisplayName     *string    `json:"displayName"`
}

// ObjectID returns the object id in the directory.
func (o *OtherDirectoryObject) ObjectID() string { return o.ID }

// FoldIDs brings the id that was read into the form in which it is compared.
func (o *OtherDirectoryObject) FoldIDs() { o.ID = FoldID(o.ID) }

func (*OtherDirectoryObject) isDirectoryObject() {}
