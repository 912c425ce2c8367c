package licensing

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

var effectPlans = []GUID{"a", "b", "c", "d"}

// randomPaths returns up to four paths with some of the plans disabled.
func randomPaths(r *rand.Rand) []Path {
	var paths []Path
	for range r.IntN(5) {
		path := Path{Unit: r.IntN(4) > 0}
		path.Active = path.Unit && r.IntN(4) > 0
		if n := r.IntN(3); n > 0 {
			path.Group = "group " + strconv.Itoa(n)
		}
		if n := r.IntN(3); n > 0 {
			path.Pool = "pool " + strconv.Itoa(n)
		}
		for _, plan := range effectPlans {
			if r.IntN(2) == 0 {
				path.Disabled = append(path.Disabled, plan)
			}
		}
		paths = append(paths, path)
	}
	return paths
}

// TestEffectProperties tests laws of [EffectOf] on random paths.
func TestEffectProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	gained, changed := 0, 0
	for range 20_000 {
		before, after, later := randomPaths(r), randomPaths(r), randomPaths(r)
		same := EffectOf(effectPlans, before, slices.Clone(before))
		if same.Units != 0 || len(same.Gained)+len(same.Lost) > 0 {
			t.Fatalf("%+v has an effect without a change: %+v", before, same)
		}
		there, back := EffectOf(effectPlans, before, after), EffectOf(effectPlans, after, before)
		if there.Units != -back.Units || !slices.Equal(there.Gained, back.Lost) || !slices.Equal(there.Lost, back.Gained) {
			t.Fatalf("from %+v to %+v: %+v, and back %+v", before, after, there, back)
		}
		for _, plan := range there.Gained {
			if slices.Contains(there.Lost, plan) {
				t.Fatalf("%s is gained and lost", plan)
			}
		}
		next, whole := EffectOf(effectPlans, after, later), EffectOf(effectPlans, before, later)
		if there.Units+next.Units != whole.Units {
			t.Fatalf("units of two changes: %d and %d, of both %d", there.Units, next.Units, whole.Units)
		}
		shuffled := slices.Clone(after)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if other := EffectOf(effectPlans, before, shuffled); other.Units != there.Units || !slices.Equal(other.Gained, there.Gained) || !slices.Equal(other.Lost, there.Lost) {
			t.Fatalf("the order of %+v has an effect", after)
		}
		gained += len(there.Gained)
		if there.Units != 0 {
			changed++
		}
	}
	if gained < 1000 || changed < 1000 {
		t.Errorf("%d plans gained, %d changes of units: the test covers nothing", gained, changed)
	}
}

// TestEffectOf tests effects of changes that mutations make.
func TestEffectOf(t *testing.T) {
	t.Parallel()
	direct := Path{Unit: true, Active: true, Disabled: []GUID{"a"}}
	group := Path{Group: "g", Unit: true, Active: true, Disabled: []GUID{"a", "b"}}
	failed := Path{Group: "g"}
	suspended := Path{Unit: true}
	of := func(pool string, p Path) Path { p.Pool = pool; return p }
	for name, tt := range map[string]struct {
		before, after []Path
		want          Effect
	}{
		"assigned":                       {nil, []Path{direct}, Effect{Units: 1, Gained: []GUID{"b", "c", "d"}}},
		"assigned in addition":           {[]Path{group}, []Path{group, direct}, Effect{Gained: []GUID{"b"}}},
		"assigned, of another allotment": {[]Path{of("1", group)}, []Path{of("1", group), of("2", direct)}, Effect{Units: 1, Gained: []GUID{"b"}}},
		"assigned, of the same":          {[]Path{of("1", group)}, []Path{of("1", group), of("1", direct)}, Effect{Gained: []GUID{"b"}}},
		"removed":                        {[]Path{direct, group}, []Path{group}, Effect{Lost: []GUID{"b"}}},
		"removed, last":                  {[]Path{direct, failed}, []Path{failed}, Effect{Units: -1, Lost: []GUID{"b", "c", "d"}}},
		"removed, suspended":             {[]Path{suspended}, nil, Effect{Units: -1}},
		"plans changed":                  {[]Path{direct}, []Path{{Unit: true, Active: true, Disabled: []GUID{"b"}}}, Effect{Gained: []GUID{"a"}, Lost: []GUID{"b"}}},
		"assigned, of an unknown one":    {[]Path{of("1", group)}, []Path{of("1", group), direct}, Effect{Gained: []GUID{"b"}}},
		"in error":                       {nil, []Path{failed}, Effect{}},
	} {
		if got := EffectOf(effectPlans, tt.before, tt.after); got.Units != tt.want.Units || !slices.Equal(got.Gained, tt.want.Gained) || !slices.Equal(got.Lost, tt.want.Lost) {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
}
