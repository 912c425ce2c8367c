package emulator

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// The products of a generated tenant.
const (
	skuE3        = tenant.SkuE3
	skuE5        = tenant.SkuE5
	skuBusiness  = tenant.SkuBusiness
	skuF3        = tenant.SkuF3
	skuCopilot   = tenant.SkuCopilot
	skuAudio     = tenant.SkuAudio
	skuPhone     = tenant.SkuPhone
	skuAnalytics = tenant.SkuAnalytics
	skuExchange  = tenant.SkuExchange
	skuVisio     = tenant.SkuVisio
	noSku        = tenant.NoSku
)

var small = tenant.New(1, 1)

func skuID(s tenant.Sku) string { return small.Product(s).SkuID }

func (e *Emulator) userID(i int32) string   { return e.current().User(i).ID().String() }
func (e *Emulator) userName(i int32) string { return e.current().User(i).UserPrincipalName() }
func (e *Emulator) groupID(i int32) string  { return e.current().Group(i).ID().String() }
func (e *Emulator) deviceID(i int) string   { return e.current().Devices()[i].ID.String() }

// current returns the tenant after the last change, without its lock.
func (e *Emulator) current() (current *tenant.Tenant) {
	e.store.Read(func(t *tenant.Tenant) { current = t })
	return current
}

// userWhere returns the first user that fits.
func (e *Emulator) userWhere(fits func(i int32) bool) int32 {
	for i := range e.current().Users(-1) {
		if fits(i) {
			return i
		}
	}
	panic("no user fits")
}

// guest returns the first guest.
func (e *Emulator) guest() access.Person {
	for p := range access.People(e.current()) {
		if p.Guest {
			return p
		}
	}
	panic("no guest")
}

// firstAssignment returns the ID of the oldest assignment.
func (e *Emulator) firstAssignment() string {
	for _, a := range e.current().Assignments(-1) {
		return e.current().AssignmentID(a)
	}
	panic("no assignment")
}

// errors returns all assignment errors.
func (e *Emulator) errors() []tenant.AssignmentError {
	var list []tenant.AssignmentError
	for _, x := range e.current().Errors(-1, e.current().Skus()) {
		list = append(list, x)
	}
	return list
}

// errorWhere returns the first error that fits.
func (e *Emulator) errorWhere(fits func(tenant.AssignmentError) bool) tenant.AssignmentError {
	list := e.errors()
	return list[slices.IndexFunc(list, fits)]
}

// groupNamed returns the group with a mailNickname.
func (e *Emulator) groupNamed(nickname string) int32 {
	for i := range e.current().Groups(-1) {
		if e.current().Group(i).Nickname == nickname {
			return i
		}
	}
	panic("no group " + nickname)
}

// planID returns the ID of a plan of a product.
func planID(s tenant.Sku, name string) string {
	p := small.Product(s)
	return p.Plans[p.PlanNamed(name)].ID
}

// later advances the clock.
func (c *client) later(d time.Duration) {
	c.t.Helper()
	if err := c.Advance(d); err != nil {
		c.t.Fatal(err)
	}
}

// jsonType is the Content-Type of a successful answer.
const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// maxBody is the maximum length of the body of a request.
const maxBody = 4 << 20

// maxWait is the maximum Retry-After of a caller that retries early.
const maxWait = 10 * time.Minute

// parseJSON parses one value. It keeps the format of numbers.
func parseJSON(raw []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	ok = d.Decode(&v) == nil
	return v, ok
}

// wids contains one of these for each user.
const (
	memberRole = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	guestRole  = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
)

// Values documented by Entra.
const (
	assertionType   = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	deviceGrant     = "urn:ietf:params:oauth:grant-type:device_code"
	minLifetime     = 60 * time.Minute
	maxLifetime     = 90 * time.Minute
	keyGrace        = 30 * time.Hour
	codeLifetime    = 10 * time.Minute
	refreshLifetime = 90 * 24 * time.Hour
	pageLifetime    = 24 * time.Hour
	deviceLifetime  = 15 * time.Minute
	deviceInterval  = 5 * time.Second
)

// Values chosen by the emulator for sign-in.
const (
	maxAssertion = 16 << 10
	shownPeople  = 15
)

// sign signs an access token with additional claims; nil removes one.
func (e *Emulator) sign(claims jwt.MapClaims) string {
	return e.entra.Sign(&wire.Call{Base: "http://graph", Date: e.clock.Now(), RequestID: "test"}, claims)
}

// certificates returns the certificates of the published signing keys.
func (c *client) certificates() (list []*x509.Certificate) {
	c.t.Helper()
	for _, k := range rows(c.ok("/"+c.TenantID()+"/discovery/v2.0/keys"), "keys") {
		der, err := base64.StdEncoding.DecodeString(k["x5c"].([]any)[0].(string))
		if err != nil {
			c.t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			c.t.Fatal(err)
		}
		list = append(list, cert)
	}
	return list
}

// pair returns the certificate of the application with its key.
func (c *client) pair() (*x509.Certificate, any) {
	c.t.Helper()
	certificate, key := c.Certificate()
	block, _ := pem.Decode(certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		c.t.Fatal(err)
	}
	block, _ = pem.Decode(key)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		c.t.Fatal(err)
	}
	return cert, private
}

// thumbprint returns the x5t of a certificate, RFC 7517 section 4.8.
func thumbprint(der []byte) string {
	sum := sha1.Sum(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Values documented by Graph.
const (
	allotmentSet  = "admin/cloudLicensing/allotments"
	allotmentBind = "allotment@odata.bind"
	assigneeBind  = "assignedTo@odata.bind"
	disabledPlans = "disabledServicePlanIds"
	membersBind   = "members@odata.bind"
	batchLabel    = "POST /$batch"
	maxParts      = 20
	maxIDs        = 1000
	maxBound      = 20
)

// Values chosen by the emulator for Graph.
const (
	maxLicenses     = 100
	maxPlans        = 1000
	maxDeltaMembers = 200
	maxValueLength  = 120
	maxRaw          = wire.MaxURL - 1<<10
)

// agentPermissions apply only to users that are agents.
var agentPermissions = []string{"AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy"}

// otherCalls are calls of Graph that are not implemented.
var otherCalls = []string{
	"POST users/getByIds", "POST users/validatePassword", "POST users/validateProperties", "POST groups/getByIds", "POST groups/validateProperties",
	"GET groups/{id}/members/$ref", "GET groups/{id}/membersWithLicenseErrors/$count",
}

const (
	allotmentRef = "PUT assignments/{id}/allotment/$ref"
	assigneeRef  = "PUT assignments/{id}/assignedTo/$ref"
	poolOwner    = "allotments/{id}/owner"
)

// Values of the control endpoints.
const (
	controlNotice  = "This is the control endpoint of an embedded test tenant. It is not part of Microsoft Graph."
	maxControlBody = 256 << 10
)
