package upstream

import "slices"

const (
	// maxEmptyPages bounds the pages without elements in a row. Microsoft Graph can send some that have a next link
	// ("Paging Microsoft Graph data in your app"), and no limit is published.
	maxEmptyPages = 10
	// maxRepeatedPages bounds the pages in a row with elements of earlier pages only. There can be a short one, when
	// elements are added to a list while it is read.
	maxRepeatedPages = 2
)

// Progress notices a list that does not end, whatever its next links are. The zero value is ready to use.
type Progress struct {
	seen            map[string]bool
	empty, repeated int
}

// Page takes the ids of the elements of the next page that has a next link. It returns [ErrEndless] when the list does
// not get on.
func (p *Progress) Page(ids []string) error {
	if len(ids) == 0 {
		if p.empty++; p.empty >= maxEmptyPages {
			return ErrEndless
		}
		return nil
	}
	if slices.Contains(ids, "") { // nobody knows whether it is another one
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
