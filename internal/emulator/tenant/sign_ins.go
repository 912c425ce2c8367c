package tenant

import "time"

// signIns is the sign-ins of a user, as Unix times. All are 0 if there was none.
type signIns struct {
	signedIn  int64 // last interactive attempt
	refreshed int64 // last non-interactive sign-in
	succeeded int64 // last successful sign-in of both
}

// SignIns is the last sign-ins of a user. A time is zero if there was none.
type SignIns struct {
	SignIn         time.Time `json:"lastSignInDateTime,omitzero"` // interactive attempt
	NonInteractive time.Time `json:"lastNonInteractiveSignInDateTime,omitzero"`
	Successful     time.Time `json:"lastSuccessfulSignInDateTime,omitzero"` // of both, since December 2023
}

// SignIns returns the last sign-ins of a user, and false if there was none.
func (p *Person) SignIns() (a SignIns, ok bool) {
	return SignIns{unixTime(p.signedIn), unixTime(p.refreshed), unixTime(p.succeeded)}, p.signIns != signIns{}
}

// successesSince is the time since when successful sign-ins are recorded, see
// "signInActivity resource type".
var successesSince = time.Date(2023, 12, 1, 0, 0, 0, 0, time.UTC).Unix()

// makeSignIns makes up the last sign-ins. They are at least a day old, because
// the service publishes them with that delay.
func (t *Tenant) makeSignIns(users int) {
	const day = 24 * 60 * 60
	today := t.reference.Unix()
	for i := range users {
		p := &t.people[i]
		pick := func(topic string, n int) int { return t.seed.Pick(topic, i, n) }
		if p.agent || p.pending || pick("never signed in", 20) == 0 {
			continue
		}
		age := 1 + pick("last sign-in", 25)
		switch kind := pick("activity", 100); {
		case p.disabled:
			age = 45 + pick("last sign-in", 300)
		case kind == 0:
			age = 900 + pick("last sign-in", 600) // before successes were recorded
		case kind < 15:
			age = 90 + pick("last sign-in", 240)
		}
		at := func(age int, topic string) int64 { return max(p.created, today-int64(age)*day-int64(pick(topic, day))) }
		last := at(age, "time of sign-in")
		p.signIns = signIns{last, at(age-pick("refreshed", min(age, 10)), "time of refresh"), last}
		switch pick("kind of sign-in", 12) {
		case 0: // the last interactive attempt failed
			p.refreshed = at(age+1+pick("failing", 20), "time of refresh")
			p.succeeded = p.refreshed
		case 1: // without interaction
			p.signedIn, p.succeeded = 0, p.refreshed
		case 2: // only interactive
			p.refreshed = 0
		default:
			p.succeeded = max(p.signedIn, p.refreshed)
		}
		if p.succeeded < successesSince {
			p.succeeded = 0
		}
	}
}
