package emulator

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"
)

// variantValues are what texts among the variants can be besides "". A text that is
// not here can be anything.
var variantValues = map[string][]string{
	"expandErrors":      {"none", "assignedTo", "both", "ignore"},
	"cloudLicensing":    {"forbidden", "missing"},
	"permissions":       {"pages", "list"},
	"missingUsageRight": {"notFound", "null"},
	"onBehalfOf":        {"mfa", "enroll", "policy", "consent"},
}

// maxNumber keeps sums of numbers in range.
const maxNumber = 1_000_000_000

// MarshalJSON writes all variants, durations as text.
func (v Variants) MarshalJSON() ([]byte, error) {
	return json.Marshal(maps.Collect(settings(&v)))
}

// UnmarshalJSON reads what [Variants.MarshalJSON] writes. Variants that are not
// named stay as they are, null is the default. A name or a value that does not
// exist is an error that lists those that do, and nothing changes.
func (v *Variants) UnmarshalJSON(raw []byte) error {
	fresh := *v
	if err := decodeSettings(&fresh, "", raw); err != nil {
		return err
	}
	if err := fresh.Validate(); err != nil {
		return err
	}
	*v = fresh
	return nil
}

// Set reads one variant as a flag has it, such as expandErrors=both, nullError
// alone for nullError=true, throttling=off or throttling.writes=10; or several as a
// JSON object.
func (v *Variants) Set(text string) error {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return v.UnmarshalJSON([]byte(text))
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		value = "true"
	}
	fresh := *v
	if err := setText(&fresh, "", strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
		return err
	}
	if err := fresh.Validate(); err != nil {
		return err
	}
	*v = fresh
	return nil
}

// Validate says what is wrong: a text that is no value of its variant, a share that
// is not between 0 and 1, a negative number or time.
func (v Variants) Validate() error { return validate(&v, "") }

func validate(v any, path string) error {
	for name, field := range settings(v) {
		name = join(path, name)
		switch p := field.(type) {
		case *duration:
			if d := time.Duration(*p); d < 0 && d != Immediately || d > maxAhead {
				return wrongSetting(name, "it is negative, or longer than a hundred years")
			}
		case *int:
			if *p < 0 || *p > maxNumber {
				return wrongSetting(name, "it is negative, or more than %d", maxNumber)
			}
		case *float64:
			if !(*p >= 0 && *p <= 1) {
				return wrongSetting(name, "it is a share between 0 and 1")
			}
		case *string:
			if values := variantValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return wrongSetting(name, `it is "" or one of %s`, strings.Join(values, ", "))
			}
		case *Throttling:
			if err := validate(p, name); err != nil {
				return err
			}
		}
	}
	return nil
}
