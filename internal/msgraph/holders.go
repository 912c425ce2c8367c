package msgraph

import "licensegraph/internal/licensing"

// holders is the collection of directory objects with licenses, whose paths have cloudLicensing/assignments,
// cloudLicensing/usageRights and so on.
type holders string

const (
	ofUsers   holders = "/users"
	ofGroups  holders = "/groups"
	ofDevices holders = "/devices"
)

// endpoint returns the name of an endpoint below the collection.
func (h holders) endpoint(what string) string {
	return "GET " + string(h) + "/{id}/cloudLicensing/" + what
}

// below returns the path of a resource of one object.
func (h holders) below(id, what string) string { return below(string(h), id, "cloudLicensing", what) }

// reference returns a partial directory object with only the ID.
func (h holders) reference(id string) *licensing.Reference {
	ref := &licensing.Reference{Properties: map[string]bool{"id": true}, IDOnly: true}
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

// assignee returns the assignee type of the objects.
func (h holders) assignee() licensing.AssigneeType {
	return map[holders]licensing.AssigneeType{
		ofUsers: licensing.AssigneeUser, ofGroups: licensing.AssigneeGroup, ofDevices: licensing.AssigneeDevice,
	}[h]
}
