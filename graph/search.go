package graph

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// maxFound is the maximum number of results of each kind.
	maxFound = 100
	// maxSearchPages is the maximum number of upstream pages of a kind, which can be short.
	maxSearchPages = 10
	// minSearch and maxSearch limit the length of the text, in characters, maxSearchWords the number of its words.
	minSearch, maxSearch, maxSearchWords = 2, 120, 8
)

// found is a result with the values by which results are sorted.
type found struct {
	result  licensing.SearchResult
	id      string // unique in the results
	display string
	rank    int
	kind    int
}

// search returns a page of the results of a search.
func (f *field) search() (*model.SearchConnection, error) {
	text, kinds := strings.TrimSpace(arg[string](f, "text")), arg[[]model.SearchKind](f, "kinds")
	words, err := searchWords(text)
	if err != nil {
		return nil, err
	}
	if kinds != nil && len(kinds) == 0 {
		return nil, &upstream.InputError{Message: "`kinds` is empty: omit it for all kinds"}
	}
	page, err := f.memoryPage(listName("search", strings.ToLower(text), kinds))
	if err != nil {
		return nil, err
	}
	f.prefetchLists()
	result := &model.SearchConnection{Truncated: []model.SearchKind{}}
	var all []found
	var failure, blocked error
	for place, kind := range []struct {
		kind model.SearchKind
		find func(words []string) ([]found, bool, error)
	}{
		{model.SearchUsers, f.searchUsers}, {model.SearchGroups, f.searchGroups},
		{model.SearchProducts, f.searchProducts}, {model.SearchServicePlans, f.searchServicePlans},
	} {
		if kinds != nil && !slices.Contains(kinds, kind.kind) {
			continue
		}
		results, more, err := kind.find(words)
		if errors.Is(err, loaders.ErrBlocked) {
			blocked = err
		} else if failure = cmp.Or(failure, err); more {
			result.Truncated = append(result.Truncated, kind.kind)
		}
		for i := range results {
			results[i].kind, results[i].rank = place, rankOf(text, results[i].display)
		}
		all = append(all, results...)
	}
	if blocked != nil {
		return nil, blocked
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.kind, b.kind), compareText(a.display, b.display), cmp.Compare(a.id, b.id))
	})
	of, err := memoryConnection(page, all)
	if err != nil {
		return nil, err
	}
	result.PageInfo, result.Cursor, result.Total = of.PageInfo, of.Cursor, of.Total
	result.Nodes = each(of.Nodes, func(r found) licensing.SearchResult { return r.result })
	if failure != nil {
		result.SetReadError(failure)
	}
	return result, nil
}

// ObjectID returns the ID of the result, for cursors.
func (r found) ObjectID() string { return r.id }

// searchWords returns the words of a search, in lower case.
func searchWords(text string) ([]string, error) {
	if n := utf8.RuneCountInString(text); n < minSearch || n > maxSearch {
		return nil, &upstream.InputError{Message: fmt.Sprintf("`text` has %d to %d characters", minSearch, maxSearch)}
	}
	words := slices.DeleteFunc(each(strings.Fields(strings.ToLower(text)), func(word string) string {
		return strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	}), func(word string) bool { return word == "" })
	if len(words) == 0 || len(words) > maxSearchWords {
		return nil, &upstream.InputError{Message: fmt.Sprintf("`text` has 1 to %d words of letters or digits", maxSearchWords)}
	}
	return words, nil
}

// rankOf returns 0 for a display name that is the text, 1 for one that starts with it, 2 for others.
func rankOf(text, display string) int {
	text, display = strings.ToLower(text), strings.ToLower(display)
	switch {
	case display == text:
		return 0
	case strings.HasPrefix(display, text):
		return 1
	}
	return 2
}

func (f *field) searchUsers(words []string) ([]found, bool, error) {
	users, more, err := searched(f.UsersByQuery, words)
	return each(users, func(user *licensing.User) found {
		return found{result: user, id: user.ID, display: deref(user.DisplayName)}
	}), more, err
}

func (f *field) searchGroups(words []string) ([]found, bool, error) {
	groups, more, err := searched(f.GroupsByQuery, words)
	return each(groups, func(group *licensing.Group) found {
		return found{result: group, id: group.ID, display: deref(group.DisplayName)}
	}), more, err
}

// searched returns the objects that Microsoft Graph finds, and whether there are more.
func searched[T any](loader *loaders.Loader[upstream.Query, upstream.Page[T]], words []string) (items []T, more bool, err error) {
	q := upstream.Query{Top: maxFound, Filter: upstream.Filter{Search: strings.Join(words, " ")}}
	for range maxSearchPages {
		page, err := loader.Get(q)
		if err != nil {
			return nil, false, err
		}
		items, q.Link = append(items, page.Items...), page.Next
		if q.Link == "" || len(items) > maxFound {
			break
		}
	}
	return items[:min(len(items), maxFound)], q.Link != "" || len(items) > maxFound, nil
}

func (f *field) searchProducts(words []string) ([]found, bool, error) {
	ids := licensing.SearchProducts(words)
	var subscribed []*licensing.SubscribedSku
	var err error
	if f.lists.skus { // fields that the catalog does not have
		if subscribed, err = f.AllSubscribedSkus(); errors.Is(err, loaders.ErrBlocked) {
			return nil, false, err
		}
	}
	return each(ids[:min(len(ids), maxFound)], func(id licensing.GUID) found {
		sku, _ := licensing.WellKnownSku(id)
		if i := slices.IndexFunc(subscribed, func(s *licensing.SubscribedSku) bool { return is(s.SkuID, id) }); i >= 0 {
			sku = subscribed[i]
		}
		return found{result: sku, id: string(id), display: nameOf(sku)}
	}), len(ids) > maxFound, err
}

func (*field) searchServicePlans(words []string) ([]found, bool, error) {
	ids := licensing.SearchServicePlans(words)
	return each(ids[:min(len(ids), maxFound)], func(id licensing.GUID) found {
		plan, _ := licensing.WellKnownServicePlan(id)
		return found{result: plan, id: string(id), display: deref(plan.DisplayName())}
	}), len(ids) > maxFound, nil
}
