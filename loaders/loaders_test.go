package loaders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// IDs of two users.
const (
	ann = "a0000000-0000-4000-8000-000000000001"
	bob = "b0000000-0000-4000-8000-000000000002"
)

// directory is a service with any user, and a list of errors.
type directory struct {
	failures []map[string]any

	mu   sync.Mutex
	read []string // URLs, except the list
}

func (d *directory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/beta/$batch" {
		json.NewEncoder(w).Encode(d.answer(r.URL)) //nolint:errcheck // the client reports it
		return
	}
	var batch struct{ Requests []struct{ ID, URL string } }
	if err := json.NewDecoder(r.Body).Decode(&batch); err != nil {
		panic(err)
	}
	responses := []any{}
	for _, part := range batch.Requests {
		u, err := url.Parse("/beta" + part.URL)
		if err != nil {
			panic(err)
		}
		responses = append(responses, map[string]any{"id": part.ID, "status": 200, "body": d.answer(u)})
	}
	json.NewEncoder(w).Encode(map[string]any{"responses": responses}) //nolint:errcheck // the client reports it
}

var guids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`)

func (d *directory) answer(u *url.URL) any {
	d.mu.Lock()
	defer d.mu.Unlock()
	query := u.Query()
	properties := strings.Split(query.Get("$select"), ",")
	switch path := strings.TrimPrefix(u.Path, "/beta"); {
	case path == "/admin/cloudLicensing/assignmentErrors":
		return map[string]any{"value": d.failures}
	case path == "/users":
		ids := guids.FindAllString(query.Get("$filter"), -1)
		d.read = append(d.read, fmt.Sprint("users ", ids, properties))
		people := []any{}
		for _, id := range ids {
			person := map[string]any{"id": id, "displayName": id, "proxyAddresses": "Ulm"}
			if slices.Contains(properties, licenseStates) {
				person[licenseStates] = []any{map[string]any{"assignedByGroup": id}}
			}
			people = append(people, person)
		}
		return map[string]any{"value": people}
	case strings.HasSuffix(path, "/usageRight"):
		id := strings.Split(path, "/")[4]
		d.read = append(d.read, "right of "+id)
		return map[string]any{"id": "right of " + id}
	case path == "/subscribedSkus":
		d.read = append(d.read, "skus")
		return map[string]any{"value": []any{map[string]any{"id": "tenant_none"}, map[string]any{"id": "tenant_e3", "skuId": e3}}}
	default:
		panic(path)
	}
}

// e3 and e5 are SKU IDs; the directory has the first.
const (
	e3 = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	e5 = "06ebc4ee-1bb5-47dd-8120-11324bc54e06"
)

// token authenticates to the directory.
type token struct{}

func (token) Token(context.Context, *http.Client) (string, error) { return "token", nil }

func (token) Refused(string, string) bool { return false }

// loaders returns loaders of the directory.
func (d *directory) loaders(t *testing.T, properties Properties) *Loaders {
	t.Helper()
	server := httptest.NewServer(d)
	t.Cleanup(server.Close)
	out, err := outbound.New(outbound.Options{Services: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	client, err := msgraph.New(msgraph.Options{GraphURL: server.URL, Out: out, Tokens: token{}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return New(t.Context(), client.Begin(), properties)
}

// failure returns an error whose assignee is expanded with these properties.
func failure(id, person string, shown ...string) map[string]any {
	e := map[string]any{"id": id, "code": "x", "message": "", "assignedTo": nil}
	if person != "" {
		assignee := map[string]any{"@odata.type": "#microsoft.graph.user", "id": person}
		for _, name := range shown {
			assignee[name] = person
		}
		e["assignedTo"] = assignee
	}
	return e
}

// ofErrors returns the results of a function for each error of the list.
func ofErrors[V any](t *testing.T, l *Loaders, of func(*licensing.AssignmentError) (V, error)) ([]V, []error) {
	t.Helper()
	var values []V
	var errs []error
	_, err := Read(l, func() (page upstream.Page[*licensing.AssignmentError], err error) {
		if page, err = l.AssignmentErrorsByQuery.Get(upstream.Query{}); err == nil {
			values, errs, err = Collect(page.Items, of)
		}
		return page, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, errs
}

// TestPlannedReads tests what Observe gets: reads of a round are planned, those that a value waits for are not.
func TestPlannedReads(t *testing.T) {
	t.Parallel()
	l := (&directory{}).loaders(t, func(string) []string { return []string{"displayName"} })
	var got []string
	l.Observe = func(read string, _ upstream.Cost, keys int, planned bool) {
		got = append(got, fmt.Sprint(read, " ", keys, " ", planned))
	}
	for _, id := range []string{ann, bob} {
		if _, err := l.UserByID.Get(id); !errors.Is(err, ErrBlocked) {
			t.Fatal(err)
		}
	}
	l.Round()
	if _, err := Read(l, func() (*licensing.User, error) { return l.UserByID.Get("c0000000-0000-4000-8000-000000000003") }); errors.Is(err, ErrBlocked) {
		t.Fatal(err)
	}
	if want := []string{"users by ID 2 true", "users by ID 1 false"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestExpandedIsNotRead tests that expanded objects are not read again unless more properties are required.
func TestExpandedIsNotRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		needs []string
		read  []string
	}{
		{"shown", []string{"id", "displayName"}, nil},
		{"more properties", []string{"id", "proxyAddresses"}, []string{"users [" + ann + " " + bob + "] [id proxyAddresses]"}},
		{"license states", []string{"displayName", licenseStates}, []string{"users [" + ann + " " + bob + "] [id licenseAssignmentStates]"}},
		{"more properties and license states", []string{"proxyAddresses", licenseStates}, []string{"users [" + ann + " " + bob + "] [id licenseAssignmentStates proxyAddresses]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &directory{failures: []map[string]any{
				failure("1", ann, "id", "displayName"), failure("2", bob, "id", "displayName"), failure("3", ann, "id", "displayName"), failure("4", ""),
			}}
			l := d.loaders(t, func(typeName string) []string {
				return map[string][]string{"User": tt.needs, "AssignmentError": {"assignedTo"}}[typeName]
			})
			people, errs := ofErrors(t, l, l.AssigneeOfError)
			for i, want := range []string{ann, bob, ann} {
				if errs[i] != nil || people[i].ObjectID() != want {
					t.Errorf("%v, %v; want %s", people[i], errs[i], want)
				}
			}
			if people[3] != nil || !errors.Is(errs[3], upstream.ErrNotFound) {
				t.Errorf("unknown user: %v, %v", people[3], errs[3])
			}
			if slices.Contains(tt.needs, licenseStates) {
				ask := func() ([][]*licensing.LicenseAssignmentState, []error, error) {
					return Collect([]string{ann, bob}, l.LicenseStatesByUserID.Get)
				}
				if _, _, blocked := ask(); blocked != nil {
					l.Round()
				}
				states, errs, _ := ask()
				if errs[0] != nil || errs[1] != nil || len(states[0]) != 1 || *states[1][0].AssignedByGroup != bob {
					t.Errorf("%v, %v", states, errs)
				}
			}
			if !slices.Equal(d.read, tt.read) {
				t.Errorf("read %v, want %v", d.read, tt.read)
			}
		})
	}
}

// TestHolder tests that the usage right of an error has its holder.
func TestHolder(t *testing.T) {
	t.Parallel()
	d := &directory{failures: []map[string]any{failure("1", ann, "displayName"), failure("2", "")}}
	d.failures[0]["usageRight"] = map[string]any{"id": "shown"}
	l := d.loaders(t, func(typeName string) []string {
		return map[string][]string{"AssignmentError": {"assignedTo", "usageRight"}}[typeName]
	})
	rights, errs := ofErrors(t, l, l.UsageRightOfError)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if rights[0].ID != "shown" || rights[0].HolderID == nil || *rights[0].HolderID != ann {
		t.Errorf("%+v", rights[0])
	}
	if rights[1].ID != "right of 2" || rights[1].HolderID != nil {
		t.Errorf("%+v", rights[1])
	}
	if page, err := l.AssignmentErrorsByQuery.Get(upstream.Query{}); err != nil || page.Items[0].Related.UsageRight.HolderID != nil {
		t.Errorf("the cached right was modified, or %v", err)
	}
	if !slices.Equal(d.read, []string{"right of 2"}) {
		t.Errorf("read %v", d.read)
	}
}

// TestSkus tests that products are found by either ID in one list.
func TestSkus(t *testing.T) {
	t.Parallel()
	d := &directory{}
	l := d.loaders(t, func(string) []string { return nil })
	for range 3 {
		if sku, err := Read(l, func() (*licensing.SubscribedSku, error) { return l.SubscribedSku(e3) }); err != nil || sku.ID != "tenant_e3" {
			t.Errorf("%v, %v", sku, err)
		}
		if sku, err := l.SubscribedSkuByID("tenant_none"); err != nil || sku.SkuID != nil {
			t.Errorf("%v, %v", sku, err)
		}
		if sku, err := l.SubscribedSku(e5); !errors.Is(err, upstream.ErrNotFound) {
			t.Errorf("%v, %v", sku, err)
		}
	}
	if !slices.Equal(d.read, []string{"skus"}) {
		t.Errorf("read %v", d.read)
	}
}

// TestContext tests loaders in a context.
func TestContext(t *testing.T) {
	t.Parallel()
	l := New(t.Context(), nil, nil)
	if For(With(t.Context(), l)) != l || For(t.Context()) != nil {
		t.Error("the context has other loaders")
	}
}

// TestNew tests that New sets each loader.
func TestNew(t *testing.T) {
	t.Parallel()
	of := reflect.ValueOf(New(t.Context(), nil, nil)).Elem()
	checked := 0
	for field, value := range of.Fields() {
		if !field.IsExported() || field.Type.Kind() != reflect.Pointer {
			continue
		}
		if checked++; value.IsNil() {
			t.Errorf("New does not set %s", field.Name)
		}
	}
	if checked < 30 {
		t.Errorf("%d loaders: the test covers nothing", checked)
	}
}
