package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// Device is a computer or a telephone that can be given licenses.
type Device struct {
	upstream.Unread        `json:"-"`
	ID                     string     `json:"id"`
	DeletedDateTime        *time.Time `json:"deletedDateTime"`
	DisplayName            *string    `json:"displayName"`
	DeviceID               *string    `json:"deviceId"`
	AccountEnabled         *bool      `json:"accountEnabled"`
	OperatingSystem        *string    `json:"operatingSystem"`
	OperatingSystemVersion *string    `json:"operatingSystemVersion"`
}

// ObjectID returns the object id in the directory.
func (d *Device) ObjectID() string { return d.ID }

// FoldIDs brings the id that was read into the form in which it is compared.
func (d *Device) FoldIDs() { d.ID = FoldID(d.ID) }

// IsEntity marks an entity.
func (*Device) IsEntity() {}

func (*Device) isDirectoryObject() {}
