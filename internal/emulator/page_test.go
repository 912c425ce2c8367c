package emulator

import (
	"testing"
	"time"
)

// TestLinksExpire follows next links of the directory and of cloudLicensing
// within their lifetime, about an hour, and after it.
func TestLinksExpire(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	for path, code := range map[string]string{"/v1.0/users?$top=3": "Directory_ExpiredPageToken", "/beta/admin/cloudLicensing/assignments?$top=3": "invalidQuery"} {
		link := c.ok(path)["@odata.nextLink"].(string)[len(c.URL):]
		c.later(59 * time.Minute)
		c.token = c.newToken()
		if r := c.get(link); r.status != 200 {
			t.Errorf("%s within its time: %d %s", path, r.status, r.raw)
		}
		c.later(12 * time.Minute)
		if r := c.get(link); r.status != 400 || r.code() != code {
			t.Errorf("%s after it: %d %s", path, r.status, r.raw)
		}
	}
}
