package signin

import (
	"sync"
	"time"
)

// rememberedUses limits the entries of [once]. The oldest are dropped.
const rememberedUses = 10_000

// once records the use of single-use values until they expire.
type once struct {
	mu    sync.Mutex
	uses  map[string]use
	order []string
}

type use struct {
	by    string
	until time.Time
}

// use records the use of a key, and returns its first user, which is by if the
// key was unused.
func (o *once) use(key, by string, now, until time.Time) (first string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.uses == nil {
		o.uses = map[string]use{}
	}
	for len(o.order) > 0 && (len(o.order) >= rememberedUses || !now.Before(o.uses[o.order[0]].until)) {
		delete(o.uses, o.order[0])
		o.order = o.order[1:]
	}
	if u, ok := o.uses[key]; ok && now.Before(u.until) {
		return u.by
	} else if !ok {
		o.order = append(o.order, key)
	}
	o.uses[key] = use{by, until}
	return by
}
