package msgraph

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"licensegraph/internal/licensing"
)

const (
	usersEndpoint = "GET /users"
	userEndpoint  = "GET /users/{id}"
	// maxUsersTop is the largest page of users (Microsoft Graph, "List users").
	maxUsersTop = 999
	// inValues is how many values one expression with `in` takes (Microsoft Graph, "Known limits for
	// directory objects").
	inValues = 15
)

// Users returns a page of the tenant's users. Needs User.Read.All.
func (o *Operation) Users(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.User], error) {
	r := &read{endpoint: usersEndpoint, url: q.Link}
	if q.Link == "" {
		r.url = "/users?" + query("$select", selected(q.Properties), "$top", strconv.Itoa(min(q.Top, maxUsersTop)))
	}
	return readPage(ctx, o, q, r, decode[licensing.User])
}

// Users adds reads of users by id. Needs User.Read.All.
func (b *Batch) Users(ids, properties []string, found func(id string, user *licensing.User, err error)) {
	switch {
	case len(ids) == 1:
		b.add(user(ids[0], properties, func(user *licensing.User, err error) { found(ids[0], user, err) }))
	case plain(properties):
		b.directoryObjects("user", ids, properties, func(id string, ref *licensing.Reference, err error) {
			if err != nil {
				found(id, nil, err)
			} else if user, ok := ref.Object.(*licensing.User); ok {
				found(id, user, nil)
			}
		})
	default:
		b.usersWhere("id", ids, properties, func(user *licensing.User) string { return user.ID }, found)
	}
}

// UsersByPrincipalName adds reads of users by their sign-in names. Needs User.Read.All.
func (b *Batch) UsersByPrincipalName(names, properties []string, found func(name string, user *licensing.User, err error)) {
	if len(names) == 1 {
		b.add(user(names[0], properties, func(user *licensing.User, err error) { found(names[0], user, err) }))
		return
	}
	asked := make(map[string]string, len(names)) // by their lower-case form: the directory ignores case
	for _, name := range names {
		asked[strings.ToLower(name)] = name
	}
	b.usersWhere("userPrincipalName", names, append(slices.Clone(properties), "userPrincipalName"), func(user *licensing.User) string {
		if user.UserPrincipalName == nil {
			return ""
		}
		return asked[strings.ToLower(*user.UserPrincipalName)]
	}, found)
}

// user reads one user by id or sign-in name.
func user(id string, properties []string, found func(*licensing.User, error)) *read {
	return one(&read{
		endpoint: userEndpoint,
		url:      "/users/" + url.PathEscape(id) + "?" + query("$select", selected(properties)),
	}, found)
}

// usersWhere adds reads of users by a property that has one of the values.
func (b *Batch) usersWhere(property string, values, properties []string, key func(*licensing.User) string, found func(string, *licensing.User, error)) {
	for chunk := range slices.Chunk(values, inValues) {
		b.add(all(&read{
			endpoint: usersEndpoint,
			url:      "/users?" + query("$filter", in(property, chunk), "$select", selected(properties)),
		}, decode[licensing.User], func(users []*licensing.User, err error) {
			if err != nil {
				for _, value := range chunk {
					found(value, nil, err)
				}
				return
			}
			for _, user := range users {
				found(key(user), user, nil)
			}
		}))
	}
}
