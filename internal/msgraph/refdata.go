package msgraph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/refdata"
	"licensegraph/internal/upstream"
)

// lookup is a read of reference data, which the cache may have: a list under one key, or objects under a key each.
type lookup struct {
	endpoint string
	keys     []string
	// cached decodes a cached value; nil is a missing object.
	cached func(key string, value []byte) error
	// failed is called with the error of a value.
	failed func(key string, err error)
	// read adds reads of the keys without the cache.
	read func(b *Batch, keys []string)
	// fetch adds reads of the keys for the cache.
	fetch func(b *Batch, keys []string, found func(key string, value []byte, err error))
}

// lookUp looks the reference data up in the cache. It adds the reads of what the cache does not read. The returned function
// waits for what it does.
func (b *Batch) lookUp(ctx context.Context) (wait func()) {
	o, lookups := b.operation, lookupsByKey{}
	var keys, direct []string
	for _, l := range b.lookups {
		for _, key := range l.keys {
			if lookups[key] != nil { // loaders request each key once
				l.read(b, []string{key})
				continue
			}
			lookups[key], keys = l, append(keys, key)
		}
	}
	b.lookups = nil
	found := o.reference.Get(ctx, keys, o.fetch(lookups))
	for _, hit := range found.Hits {
		l := lookups[hit.Key]
		if l.cached(hit.Key, hit.Value) != nil {
			direct = append(direct, hit.Key)
			continue
		}
		o.count(l.endpoint, upstream.Usage{CacheHits: 1})
		o.cacheAge(upstream.Milliseconds(hit.Age))
	}
	lookups.each(append(direct, found.Direct...), func(l *lookup, keys []string) { l.read(b, keys) })
	return func() {
		var direct []string
		found.Wait(ctx, func(key string, value []byte, owned bool, err error) {
			l := lookups[key]
			switch {
			case errors.Is(err, refdata.ErrIncomplete), err == nil && l.cached(key, value) != nil:
				direct = append(direct, key)
			case err != nil:
				l.failed(key, ownError(err))
			case !owned:
				o.count(l.endpoint, upstream.Usage{CacheHits: 1})
			}
		})
		lookups.each(direct, func(l *lookup, keys []string) { l.read(b, keys) })
	}
}

// ownError returns a copy of an error that several operations get, since the type of read completes it.
func ownError(err error) error {
	if failure, ok := errors.AsType[*upstream.Error](err); ok {
		failure := *failure
		return &failure
	}
	return err
}

// lookupsByKey are the lookups of a batch.
type lookupsByKey map[string]*lookup

// each calls a function for each lookup that has some of the keys.
func (l lookupsByKey) each(keys []string, do func(l *lookup, keys []string)) {
	var order []*lookup
	grouped := map[*lookup][]string{}
	for _, key := range keys {
		if grouped[l[key]] == nil {
			order = append(order, l[key])
		}
		grouped[l[key]] = append(grouped[l[key]], key)
	}
	for _, lookup := range order {
		do(lookup, grouped[lookup])
	}
}

// fetch returns a function that reads values for the cache, with the application's identity in an operation of its own.
// The operation that waits for the values has their cost.
func (o *Operation) fetch(lookups lookupsByKey) refdata.Fetch {
	return func(ctx context.Context, keys []string, background bool, found func(key string, value []byte, err error)) {
		reading := o.client.begin()
		b := reading.newBatch()
		lookups.each(keys, func(l *lookup, keys []string) { l.fetch(b, keys, found) })
		b.Do(ctx)
		if !background {
			o.charge(reading)
		}
	}
}

// charge adds the cost of another operation.
func (o *Operation) charge(other *Operation) {
	for endpoint, usage := range other.Report().Endpoints {
		o.count(endpoint, usage)
	}
	o.budget.spend(other.budget.sent)
}

// cacheAge records the age of a cached value.
func (o *Operation) cacheAge(milliseconds int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.report.CacheAgeMilliseconds = max(o.report.CacheAgeMilliseconds, milliseconds)
}

// ReadUncached disables the cache of reference data for the operation. Changes are checked with current data.
func (o *Operation) ReadUncached() { o.reference = nil }

// addLookup adds a read of reference data. Without a cache, or if the operation has spent its requests, it is a read.
func (b *Batch) addLookup(l *lookup) {
	if b.operation.reference == nil || b.operation.budget.spent() {
		l.read(b, l.keys)
		return
	}
	b.lookups = append(b.lookups, l)
}

// cachedList adds a read of a whole list, which is cached as one page.
func cachedList[T any](b *Batch, endpoint, url string, of func(*decode.Decoder) (T, error), found func([]T, error)) {
	list := func() *read { return all(get(endpoint, url), of, found) }
	b.addLookup(&lookup{
		endpoint: endpoint, keys: []string{url},
		cached: func(_ string, value []byte) error {
			r := list()
			r.operation = b.operation
			err := r.decode(decode.New(string(value)))
			if err == nil {
				r.done(nil)
			}
			return err
		},
		failed: func(_ string, err error) { found(nil, err) },
		read:   func(b *Batch, _ []string) { b.add(list()) },
		fetch: func(b *Batch, _ []string, store func(string, []byte, error)) {
			var copied rawList
			b.add(all(get(endpoint, url), copying(&copied, of), func(_ []T, err error) { store(url, copied.page(), err) }))
		},
	})
}

// rawList is the text of list elements.
type rawList struct {
	elements []string
	seen     map[string]bool // IDs: a page can be read twice
}

// page returns the elements as the only page of a list.
func (l *rawList) page() []byte {
	return []byte(`{"value":[` + strings.Join(l.elements, ",") + `]}`)
}

// copying returns a reader that copies each element, also unreadable ones.
func copying[T any](into *rawList, of func(*decode.Decoder) (T, error)) func(*decode.Decoder) (T, error) {
	into.seen = map[string]bool{}
	return func(d *decode.Decoder) (T, error) {
		raw := d.Raw()
		item, err := of(decode.New(raw))
		if d.Err() != nil {
			return item, cmp.Or(err, d.Err())
		}
		id := ""
		if err == nil {
			id = idIn(item)
		}
		if id == "" || !into.seen[id] {
			into.elements = append(into.elements, raw)
		}
		into.seen[id] = true
		return item, err
	}
}

// groupNames are the properties of a group that are cached.
type groupNames struct {
	ID          string  `json:"id"`
	DisplayName *string `json:"displayName"`
	Description *string `json:"description"`
	Mail        *string `json:"mail"`
}

// onlyNames reports whether all properties of a group are in [groupNames].
func onlyNames(properties []string) bool {
	return !slices.ContainsFunc(properties, func(p string) bool {
		return p != "id" && p != "displayName" && p != "description" && p != "mail"
	})
}

// cachedGroups adds reads of groups by ID, which are cached individually.
func (b *Batch) cachedGroups(ids, properties []string, found func(id string, group *licensing.Group, err error)) {
	idOf := map[string]string{} // by key
	l := &lookup{endpoint: groupEndpoint}
	for _, id := range ids {
		key := groupURL(id, properties)
		idOf[key], l.keys = id, append(l.keys, key)
	}
	idsOf := func(keys []string) []string {
		ids := make([]string, len(keys))
		for i, key := range keys {
			ids[i] = idOf[key]
		}
		return ids
	}
	l.cached = func(key string, value []byte) error {
		if value == nil {
			return nil // missing: no call of found
		}
		group, err := groupType.Read(decode.New(string(value)))
		if err == nil {
			found(idOf[key], group, nil)
		}
		return err
	}
	l.failed = func(key string, err error) { found(idOf[key], nil, err) }
	l.read = func(b *Batch, keys []string) { b.readGroups(idsOf(keys), properties, found) }
	l.fetch = func(b *Batch, keys []string, store func(string, []byte, error)) {
		b.readGroups(idsOf(keys), properties, func(id string, group *licensing.Group, err error) {
			var value []byte
			if err == nil {
				value, err = namesOf(group)
			}
			store(groupURL(id, properties), value, err)
		})
	}
	b.addLookup(l)
}

// namesOf encodes the names of a group for the cache.
func namesOf(group *licensing.Group) ([]byte, error) {
	if group.HasReadErrors() {
		return nil, refdata.ErrIncomplete
	}
	return json.Marshal(groupNames{group.ID, group.DisplayName, group.Description, group.Mail})
}
