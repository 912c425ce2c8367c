package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// Device is a directory device that licenses can be assigned to.
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

// ObjectID returns the directory object ID.
func (d *Device) ObjectID() string { return d.ID }

// FoldIDs normalizes the device's ID for comparison. See [FoldID].
func (d *Device) FoldIDs() { d.ID = FoldID(d.ID) }

// IsEntity marks an entity.
func (*Device) IsEntity() {}

func (*Device) isDirectoryObject() {}
