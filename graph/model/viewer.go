package model

import "time"

// Viewer is the caller.
type Viewer struct {
	Kind        ViewerKind
	ObjectID    *string
	ClientID    *string
	TenantID    *string
	Scopes      []string
	AppRoles    []string
	Permissions []string
	MayWrite    bool
	Expires     *time.Time
}

// ViewerKind is the kind of a caller.
type ViewerKind string

// Kinds of callers.
const (
	ViewerUser        ViewerKind = "USER"
	ViewerApplication ViewerKind = "APPLICATION"
	ViewerAnonymous   ViewerKind = "ANONYMOUS"
)
