package tenant

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
)

// orders caches sorted lists of users. Each is built at first use and dropped
// when a user changes. Readers share it.
type orders struct {
	mu sync.Mutex
	by map[string][]int32
}

func (o *orders) forget() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.by = nil
}

// UsersBy returns the users sorted by a string property, ignoring case, or by
// createdDateTime. Equal ones are in the directory's order. The caller must
// not change the list.
func (t *Tenant) UsersBy(property string) []int32 {
	t.order.mu.Lock()
	defer t.order.mu.Unlock()
	if list, ok := t.order.by[property]; ok {
		return list
	}
	type key struct {
		text string
		i    int32
	}
	keys := make([]key, 0, t.present)
	folded := map[int]string{} // by choice
	for i := range t.Users(-1) {
		p := &t.people[i]
		choice, _, few := p.Choice(property)
		text, known := folded[choice]
		if !few || !known {
			text = strings.ToLower(p.Text(property))
		}
		if property == "createdDateTime" {
			text = p.Created().Format(time.RFC3339)
		}
		if few {
			folded[choice] = text
		}
		keys = append(keys, key{text, i})
	}
	slices.SortFunc(keys, func(a, b key) int { return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.i, b.i)) })
	list := make([]int32, len(keys))
	for at, k := range keys {
		list[at] = k.i
	}
	if t.order.by == nil {
		t.order.by = map[string][]int32{}
	}
	t.order.by[property] = list
	return list
}
