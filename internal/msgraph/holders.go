package msgraph

import "licensegraph/internal/licensing"

// holders are the kinds of directory objects that have licenses, each at a path of its own. What they have there is
// cloudLicensing/assignments, /usageRights and the like.
type holders string

const (
	ofUsers   holders = "/users"
	ofGroups  holders = "/groups"
	ofDevices holders = "/devices"
)

// endpoint names what is read below the holders.
func (h holders) endpoint(what string) string {
	return "GET " + string(h) + "/{id}/cloudLicensing/" + what
}

// below returns the path of what one holder has.
func (h holders) below(id, what string) string { return below(string(h), id, "cloudLicensing", what) }

// reference returns a holder of whom no more is known than the id.
func (h holders) reference(id string) *licensing.Reference {
	ref := &licensing.Reference{Properties: map[string]bool{"id": true}, Bare: true}
	switch h {
	case ofUsers:
		ref.Object = &licensing.User{ID: id}
	case ofGroups:
		ref.Object = &licensing.Group{ID: id}
	case ofDevices:
		ref.Object = &licensing.Device{ID: id}
	}
	return ref
}

// assignee returns what the holders are.
func (h holders) assignee() licensing.AssigneeType {
	return map[holders]licensing.AssigneeType{
		ofUsers: licensing.AssigneeUser, ofGroups: licensing.AssigneeGroup, ofDevices: licensing.AssigneeDevice,
	}[h]
}
