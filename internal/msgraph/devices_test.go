package msgraph

import (
	"errors"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// rightsOfDevices reads the usage rights of devices in one batch, and returns the errors by device.
func rightsOfDevices(t *testing.T, c *Client, devices ...string) map[string]error {
	t.Helper()
	o := c.Begin()
	b := o.newBatch()
	got := map[string]error{}
	for _, id := range devices {
		b.usageRightsOfDevices([]licensing.UsageRightsKey{{HolderID: id}}, upstream.Selection{Relations: []string{"assignments"}}, func(key licensing.UsageRightsKey, _ []*licensing.UsageRight, err error) {
			got[key.HolderID] = err
		})
	}
	b.Do(t.Context())
	authorized(t, o)
	if len(got) != len(devices) {
		t.Errorf("%d of %d results", len(got), len(devices))
	}
	return got
}

// TestDevicesNotOffered tests that requests for devices stop after several 404s, until the capability expires.
func TestDevicesNotOffered(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 400, 405, 501} {
		offered := false
		s := newService(t, func(c call) reply {
			if offered {
				return ok(`{"value":[{"id":"r"}]}`)
			}
			return reply{status: status}
		})
		now := &clock{time.Date(2026, 9, 25, 8, 0, 0, 0, time.UTC)}
		c := s.client(t, func(o *Options) { o.Now = now.Now })
		for range minObservations {
			if err := rightsOfDevices(t, c, "a")["a"]; !errors.Is(err, upstream.ErrNotOffered) {
				t.Errorf("%d: %v", status, err)
			}
			if len(s.calls()) == 0 {
				t.Errorf("%d: capability inferred from one response", status)
			}
		}
		for id, err := range rightsOfDevices(t, c, "a", "b") {
			if !errors.Is(err, upstream.ErrNotOffered) {
				t.Errorf("%d: %s: %v", status, id, err)
			}
		}
		if calls := s.texts(); len(calls) > 0 {
			t.Errorf("%d: asked again: %v", status, calls)
		}
		b := c.Begin().newBatch()
		b.waitingMembersOfDevices([]string{"a"}, upstream.Selection{}, func(_ string, _ []*licensing.WaitingMember, err error) {
			if !errors.Is(err, upstream.ErrNotOffered) {
				t.Errorf("%d: queue: %v", status, err)
			}
		})
		b.Do(t.Context())
		if calls := s.texts(); len(calls) != 1 {
			t.Errorf("%d: capabilities are not per endpoint: %v", status, calls)
		}
		offered = true
		now.now = now.now.Add(capabilityLifetime)
		if err := rightsOfDevices(t, c, "a")["a"]; err != nil {
			t.Errorf("%d: later: %v", status, err)
		}
	}
}

// TestDeletedDevice tests that a missing device is not taken for a missing endpoint, in any order of responses.
func TestDeletedDevice(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{{"deleted", "a"}, {"a", "deleted"}, {"a", "b", "deleted", "c"}} {
		s := newService(t, func(c call) reply {
			if strings.Contains(c.path, "deleted") {
				return gone
			}
			return ok(`{"value":[]}`)
		})
		c := s.client(t)
		for range 2 {
			for id, err := range rightsOfDevices(t, c, order...) {
				if wrong := id == "deleted"; errors.Is(err, upstream.ErrNotFound) != wrong || (err != nil) != wrong {
					t.Errorf("%v: %s: %v", order, id, err)
				}
			}
		}
		if err := rightsOfDevices(t, c, "deleted")["deleted"]; !errors.Is(err, upstream.ErrNotFound) {
			t.Errorf("%v: alone: %v", order, err)
		}
		if err := rightsOfDevices(t, c, "a")["a"]; err != nil {
			t.Errorf("%v: switched off: %v", order, err)
		}
	}
}

// TestResponseOverridesCapability tests that a response takes precedence over the capability of a missing endpoint.
func TestResponseOverridesCapability(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"value":[]}`) })
	c := s.client(t)
	c.capabilities.record(responds(ofDevices.endpoint("usageRights")))
	c.capabilities.record(notProvided(ofDevices.endpoint("usageRights")))
	if err := rightsOfDevices(t, c, "a")["a"]; err != nil {
		t.Error(err)
	}
}

// TestDevicesFail tests that other errors do not mean a missing endpoint.
func TestDevicesFail(t *testing.T) {
	t.Parallel()
	for status, kind := range map[int]error{403: upstream.ErrForbidden, 429: upstream.ErrThrottled, 500: upstream.ErrUnavailable, 401: upstream.ErrUnauthenticated} {
		s := newService(t, func(call) reply { return reply{status: status} })
		c := s.client(t)
		for range 2 {
			if err := rightsOfDevices(t, c, "a")["a"]; !errors.Is(err, kind) {
				t.Errorf("%d: %v", status, err)
			}
			if len(s.calls()) == 0 {
				t.Errorf("%d: no request", status)
			}
		}
	}
	// A rejected batch says nothing about its requests.
	s := newService(t, func(call) reply { return ok(`{"value":[]}`) })
	s.whole = func() *reply { return &reply{status: 404} }
	c := s.client(t)
	for id, err := range rightsOfDevices(t, c, "a", "b") {
		if !errors.Is(err, upstream.ErrUnavailable) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if err := rightsOfDevices(t, c, "a")["a"]; err != nil {
		t.Error(err)
	}
}

// TestRelationsOfDevices tests that relations of a device's resources that are not expanded have an error, since they
// have no path.
func TestRelationsOfDevices(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"value":[{"id":"x"}]}`) })
	b := s.client(t).Begin().newBatch()
	b.usageRightsOfDevices([]licensing.UsageRightsKey{{HolderID: "d"}}, upstream.Selection{Relations: []string{"assignments", "allotments"}}, func(_ licensing.UsageRightsKey, rights []*licensing.UsageRight, err error) {
		if err != nil || !errors.Is(rights[0].Related.AssignmentsErr, upstream.ErrNotOffered) || !errors.Is(rights[0].Related.AllotmentsErr, upstream.ErrNotOffered) {
			t.Errorf("%+v, %v", rights, err)
		}
	})
	b.waitingMembersOfDevices([]string{"d"}, upstream.Selection{Relations: []string{"allotment"}}, func(_ string, members []*licensing.WaitingMember, err error) {
		if err != nil || !errors.Is(members[0].Related.AllotmentErr, upstream.ErrNotOffered) {
			t.Errorf("%+v, %v", members, err)
		}
	})
	b.Do(t.Context())
}
