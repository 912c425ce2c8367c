package upstream

import "slices"

const (
	// maxEmptyPages is the maximum number of consecutive empty pages. Microsoft Graph can send empty pages with a next
	// link ("Paging Microsoft Graph data in your app") and documents no limit.
	maxEmptyPages = 10
	// maxRepeatedPages is the maximum number of consecutive pages with only repeated elements. A short one can occur
	// when elements are added during the read.
	maxRepeatedPages = 2
)

// Progress detects a list that does not end. Its zero value is ready to use.
type Progress struct {
	seen            map[string]bool
	empty, repeated int
}

// Page records the IDs of the elements of a page that has a next link. It returns [ErrEndless] after too many empty or
// repeated pages.
func (p *Progress) Page(ids []string) error {
	if len(ids) == 0 {
		if p.empty++; p.empty >= maxEmptyPages {
			return ErrEndless
		}
		return nil
	}
	if slices.Contains(ids, "") { // an element without an ID may be new
		p.empty, p.repeated = 0, 0
		return nil
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	before := len(p.seen)
	for _, id := range ids {
		p.seen[id] = true
	}
	p.empty, p.repeated = 0, p.repeated+1
	if len(p.seen) > before {
		p.repeated = 0
	}
	if p.repeated >= maxRepeatedPages {
		return ErrEndless
	}
	return nil
}
