package loaders

import "licensegraph/internal/licensing"

func (l *Loaders) addUsageRights(s *scheduler) {
	l.UsageRightByErrorID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.UsageRight, error)) {
		b.UsageRightsOfErrors(ids, l.properties("UsageRight"), found)
	})
	l.UsageRightsByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.UsageRight, error)) {
		b.UsageRightsOfUsers(ids, l.properties("UsageRight"), found)
	})
	l.UsageRightsByGroupID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.UsageRight, error)) {
		b.UsageRightsOfGroups(ids, l.properties("UsageRight"), found)
	})
	l.UsageRightByHolderIDAndID = newLoader(s, func(b Batch, keys []licensing.UsageRightKey, found func(licensing.UsageRightKey, *licensing.UsageRight, error)) {
		b.UsageRights(keys, l.properties("UsageRight"), found)
	})
}
