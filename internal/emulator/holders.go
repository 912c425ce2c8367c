package emulator

// holder is somebody, or something, that products are assigned to.
type holder struct {
	kind holderKind
	at   int32 // index into users, groups or devices
}

type holderKind uint8

const (
	userHolder holderKind = iota
	groupHolder
	deviceHolder
	principalHolder // can be a member, but nothing is assigned to it
)

func (k holderKind) String() string {
	return [...]string{"user", "group", "device", "servicePrincipal"}[k]
}

func (t *tenant) holderID(h holder) guid {
	switch h.kind {
	case groupHolder:
		return t.groups[h.at].id
	case deviceHolder:
		return t.devices[h.at].id
	case principalHolder:
		return t.principal()
	default:
		return t.users[h.at].id
	}
}

// assigned lists what is assigned to h itself, in the order in which it was.
func (t *tenant) assigned(h holder) *[]*assignment {
	switch h.kind {
	case groupHolder:
		return &t.groups[h.at].assigned
	case deviceHolder:
		return &t.devices[h.at].assigned
	default:
		return &t.users[h.at].assigned
	}
}

// pathHolder is the person, group or device that the path begins with.
func (e *Emulator) pathHolder(c *call) (holder, *problem) {
	switch c.route.segments[0] {
	case "groups":
		i, p := e.pathGroup(c)
		return holder{groupHolder, int32(i)}, p
	case "devices":
		i, p := e.pathDevice(c)
		return holder{deviceHolder, i}, p
	default:
		i, p := e.pathUser(c)
		return holder{userHolder, i}, p
	}
}

// renderHolder writes an expanded assignee. Without a nested $select it has
// what the samples show.
func (e *Emulator) renderHolder(c *call, h holder, sel []string) object {
	readers := readAssignees
	switch h.kind {
	case groupHolder:
		if sel == nil {
			sel = []string{"id", "displayName"}
		}
		return asDirectoryObject(&groupType, e.tenant, &e.tenant.groups[h.at], sel, c, readers)
	case deviceHolder:
		if sel == nil {
			sel = []string{"id", "displayName"}
		}
		return asDirectoryObject(&deviceType, e.tenant, &e.tenant.devices[h.at], sel, c, readers)
	}
	if sel == nil {
		sel = []string{"id", "displayName", "userPrincipalName"}
	}
	return asDirectoryObject(&userType, e.tenant, &e.tenant.users[h.at], sel, c, readers)
}
