package loaders

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"licensegraph/internal/licensing"
)

// The ids of two people.
const (
	ann = "a0000000-0000-4000-8000-000000000001"
	bob = "b0000000-0000-4000-8000-000000000002"
)

// directory is an upstream with the people that it is asked for, and a list of errors.
type directory struct {
	Source
	failures []*licensing.AssignmentError
	read     []string
}

func (d *directory) Batch() Batch { return &directoryBatch{directory: d} }

type directoryBatch struct {
	Batch
	directory *directory
	done      []func()
}

func (b *directoryBatch) Do(context.Context) {
	for _, done := range b.done {
		done()
	}
}

func (b *directoryBatch) Users(ids, properties []string, found func(string, *licensing.User, error)) {
	b.directory.read = append(b.directory.read, fmt.Sprint("users ", ids, properties))
	for _, id := range ids {
		b.done = append(b.done, func() {
			user := &licensing.User{ID: id, DisplayName: &id}
			if slices.Contains(properties, licenseStates) {
				user.LicenseAssignmentStates = []*licensing.LicenseAssignmentState{{AssignedByGroup: &id}}
			}
			found(id, user, nil)
		})
	}
}

func (b *directoryBatch) ListAssignmentErrors(_ licensing.ListQuery, _ []string, found func(licensing.Page[*licensing.AssignmentError], error)) {
	b.done = append(b.done, func() { found(licensing.Page[*licensing.AssignmentError]{Items: b.directory.failures}, nil) })
}

func (b *directoryBatch) UsageRightsOfErrors(ids, _, _ []string, found func(string, *licensing.UsageRight, error)) {
	b.directory.read = append(b.directory.read, fmt.Sprint("rights ", ids))
	for _, id := range ids {
		b.done = append(b.done, func() { found(id, &licensing.UsageRight{ID: "right of " + id}, nil) })
	}
}

func (b *directoryBatch) SubscribedSkus(_ []string, found func([]*licensing.SubscribedSku, error)) {
	b.directory.read = append(b.directory.read, "skus")
	sku := licensing.GUID("e3")
	b.done = append(b.done, func() { found([]*licensing.SubscribedSku{{ID: "tenant_none"}, {ID: "tenant_e3", SkuID: &sku}}, nil) })
}

// failure is an error whose assignee was shown with some properties.
func failure(id, person string, shown ...string) *licensing.AssignmentError {
	e := &licensing.AssignmentError{ID: id, Related: licensing.Related{HasAssignedTo: true}}
	if person != "" {
		properties := map[string]bool{}
		for _, name := range shown {
			properties[name] = true
		}
		e.Related.AssignedTo = &licensing.Reference{Object: &licensing.User{ID: person}, Properties: properties}
	}
	return e
}

// ofErrors returns what a function gives of each error of the list.
func ofErrors[V any](t *testing.T, l *Loaders, of func(*licensing.AssignmentError) (V, error)) ([]V, []error) {
	t.Helper()
	var values []V
	var errs []error
	_, err := Read(l, func() (page licensing.Page[*licensing.AssignmentError], err error) {
		if page, err = l.AssignmentErrorsByQuery.Get(licensing.ListQuery{}); err == nil {
			values, errs, err = Collect(page.Items, of)
		}
		return page, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return values, errs
}

// TestHeldIsNotRead has nothing read that came along with something else, unless more is needed of it.
func TestHeldIsNotRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		needs []string
		read  []string
	}{
		{"shown", []string{"id", "displayName"}, nil},
		{"more is needed", []string{"id", "department"}, []string{"users [" + ann + " " + bob + "] [id department]"}},
		{"states are needed", []string{"displayName", licenseStates}, []string{"users [" + ann + " " + bob + "] [id licenseAssignmentStates]"}},
		{"more is needed, states with it", []string{"department", licenseStates}, []string{"users [" + ann + " " + bob + "] [department licenseAssignmentStates]"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := &directory{failures: []*licensing.AssignmentError{
				failure("1", ann, "id", "displayName"), failure("2", bob, "id", "displayName"), failure("3", ann, "id", "displayName"), failure("4", ""),
			}}
			l := New(t.Context(), d, func(typeName string) []string { return map[string][]string{"User": tt.needs}[typeName] })
			people, errs := ofErrors(t, l, l.AssigneeOfError)
			for i, want := range []string{ann, bob, ann} {
				if errs[i] != nil || people[i].ObjectID() != want {
					t.Errorf("%v, %v; want %s", people[i], errs[i], want)
				}
			}
			if people[3] != nil || !errors.Is(errs[3], licensing.ErrNotFound) {
				t.Errorf("nobody is %v, %v", people[3], errs[3])
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

// TestHolder tells of a right that came through an error who holds it.
func TestHolder(t *testing.T) {
	t.Parallel()
	d := &directory{failures: []*licensing.AssignmentError{failure("1", ann), {ID: "2"}}}
	d.failures[0].Related.HasUsageRight = true
	d.failures[0].Related.UsageRight = &licensing.UsageRight{ID: "shown"}
	l := New(t.Context(), d, func(typeName string) []string {
		if typeName == "AssignmentError" {
			return []string{"assignedTo"}
		}
		return nil
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
	if d.failures[0].Related.UsageRight.HolderID != nil {
		t.Error("what others hold was changed")
	}
	if !slices.Equal(d.read, []string{"rights [2]"}) {
		t.Errorf("read %v", d.read)
	}
}

// TestSkus finds products by either id in the one list that there is.
func TestSkus(t *testing.T) {
	t.Parallel()
	d := &directory{}
	l := New(t.Context(), d, func(string) []string { return nil })
	for range 3 {
		if sku, err := Read(l, func() (*licensing.SubscribedSku, error) { return l.SubscribedSku("e3") }); err != nil || sku.ID != "tenant_e3" {
			t.Errorf("%v, %v", sku, err)
		}
		if sku, err := l.SubscribedSkuByID("tenant_none"); err != nil || sku.SkuID != nil {
			t.Errorf("%v, %v", sku, err)
		}
		if sku, err := l.SubscribedSku("e5"); !errors.Is(err, licensing.ErrNotFound) {
			t.Errorf("%v, %v", sku, err)
		}
	}
	if !slices.Equal(d.read, []string{"skus"}) {
		t.Errorf("read %v", d.read)
	}
}

// TestContext hands loaders to whoever resolves a field.
func TestContext(t *testing.T) {
	t.Parallel()
	l := New(t.Context(), &directory{}, nil)
	if For(With(t.Context(), l)) != l || For(t.Context()) != nil {
		t.Error("the context carries others")
	}
}
