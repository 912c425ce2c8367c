package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// Node is an object with an ID that is unique in the tenant.
type Node interface {
	ObjectID() string
}

// DirectoryObject is the target of a license assignment or an assignment error: a *[User], a *[Group], a *[Device] or
// an *[OtherDirectoryObject].
type DirectoryObject interface {
	Node
	isDirectoryObject()
}

// Reference is a partial directory object.
type Reference = upstream.Partial[DirectoryObject]

// OtherDirectoryObject is a directory object of any other type.
type OtherDirectoryObject struct {
	upstream.Unread `json:"-"`
	ID              string     `json:"id"`
	ODataType       string     `json:"@odata.type"`
	DeletedDateTime *time.Time `json:"deletedDateTime"`
	DisplayName     *string    `json:"displayName"`
}

// ObjectID returns the directory object ID.
func (o *OtherDirectoryObject) ObjectID() string { return o.ID }

// FoldIDs normalizes the object's ID for comparison. See [FoldID].
func (o *OtherDirectoryObject) FoldIDs() { o.ID = FoldID(o.ID) }

func (*OtherDirectoryObject) isDirectoryObject() {}
