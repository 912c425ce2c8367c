package tenant

import (
	"strings"
	"time"
)

// Person is somebody with an account, or a device: who or what can have units
// of its own. There can be a million of them, so what follows from few choices
// is kept as a choice.
type Person struct {
	id       GUID
	name     string // user principal name
	assigned []*Assignment
	memberOf []int32 // places in groups
	rows     []row
	waits    poolSet
	written  map[string]any // properties that somebody wrote
	created  int64          // seconds since 1970
	gone     int64          // when the person was deleted, in the same
	device   int32          // place in devices, and one more; 0: a person

	culture    uint8
	given      uint8
	surname    uint8
	department uint8
	title      uint8
	guest      bool
	disabled   bool
	agent      bool // no human: an account of an agent identity
	busy       bool // something else is changing the person's licenses
	role       uint8
}

func (p *Person) isUser() bool { return p.device == 0 && p.gone == 0 }

// Agent says whether the account is that of an agent.
func (p *Person) Agent() bool { return p.agent }

// ID is the object id.
func (p *Person) ID() GUID { return p.id }

// UserPrincipalName is the name to sign in with.
func (p *Person) UserPrincipalName() string { return p.name }

// Created is when the account was made.
func (p *Person) Created() time.Time { return time.Unix(p.created, 0).UTC() }

// Deleted is when the account was deleted, or the zero time.
func (p *Person) Deleted() time.Time {
	if p.gone == 0 {
		return time.Time{}
	}
	return time.Unix(p.gone, 0).UTC()
}

// Guest says whether the account is one of another organisation.
func (p *Person) Guest() bool { return p.guest }

// Enabled says whether one can sign in.
func (p *Person) Enabled() bool { return !p.disabled }

// Role is the number of the person's role in the directory, counted from 1, or
// 0 for none. The first seven people of a tenant who can have one do, each
// another.
func (p *Person) Role() int { return int(p.role) }

// Text is a property by its name in Microsoft Graph, such as displayName. It is
// "" where it is null, and for what is no text.
func (p *Person) Text(property string) string {
	if v, ok := p.written[property]; ok {
		s, _ := v.(string)
		return s
	}
	if p.device != 0 {
		return ""
	}
	switch property {
	case "displayName":
		return shownName(int(p.culture), int(p.given), int(p.surname))
	case "givenName":
		return shown[p.culture].given[p.given]
	case "surname":
		return shown[p.culture].surname[p.surname]
	case "userPrincipalName":
		return p.name
	case "mail":
		return p.mail()
	case "mailNickname":
		nickname, _, _ := strings.Cut(p.name, "@")
		return nickname
	case "jobTitle":
		return departments[p.department].titles[p.title]
	case "department":
		return departments[p.department].name
	case "preferredLanguage":
		return cultures[p.culture].language
	case "country":
		return cultures[p.culture].country
	case "usageLocation": // of a guest nobody has said it
		if !p.guest {
			return cultures[p.culture].location
		}
	case "userType":
		if p.guest {
			return "Guest"
		}
		return "Member"
	}
	return ""
}

// Choice is a number that is equal for people who have the same text for a
// property as long as nobody wrote it, and how many such numbers there are. It
// is there for properties with few values, and lets a filter look at each value
// once.
func (p *Person) Choice(property string) (choice, of int, ok bool) {
	if p.written != nil || p.device != 0 {
		return 0, 0, false
	}
	switch property {
	case "displayName":
		return (int(p.culture)*namesEach+int(p.given))*namesEach + int(p.surname), len(cultures) * namesEach * namesEach, true
	case "givenName":
		return int(p.culture)*namesEach + int(p.given), len(cultures) * namesEach, true
	case "surname":
		return int(p.culture)*namesEach + int(p.surname), len(cultures) * namesEach, true
	case "jobTitle":
		return int(p.department)*namesEach + int(p.title), len(departments) * namesEach, true
	case "department":
		return int(p.department), len(departments), true
	case "preferredLanguage", "country":
		return int(p.culture), len(cultures), true
	case "usageLocation":
		if p.guest {
			return len(cultures), len(cultures) + 1, true
		}
		return int(p.culture), len(cultures) + 1, true
	case "userType":
		if p.guest {
			return 1, 2, true
		}
		return 0, 2, true
	}
	return 0, 0, false
}

// mail is the address of a person's own mailbox, or of a guest's home.
func (p *Person) mail() string {
	if local, domain, ok := strings.Cut(strings.TrimSuffix(p.name, "@"+MainDomain), "_partner.example#EXT#"); ok {
		return local + domain + "@partner.example"
	}
	return p.name
}

// Written is a property that somebody wrote and that is no text.
func (p *Person) Written(property string) (any, bool) {
	v, ok := p.written[property]
	return v, ok
}

// shown is the names of each culture, as they are written and in ASCII.
var shown = func() []struct{ given, surname, plainGiven, plainSurname []string } {
	list := make([]struct{ given, surname, plainGiven, plainSurname []string }, len(cultures))
	for i, c := range cultures {
		list[i].given, list[i].plainGiven = names(c.given)
		list[i].surname, list[i].plainSurname = names(c.family)
	}
	return list
}()

const namesEach = 8 // given names, and surnames, of a culture

// shownNames is each pair of names as it is written in its culture.
var shownNames = func() []string {
	var all []string
	for c := range cultures {
		for _, given := range shown[c].given {
			for _, surname := range shown[c].surname {
				switch {
				case cultures[c].surname1st && cultures[c].language == "vi-VN":
					all = append(all, surname+" "+given)
				case cultures[c].surname1st:
					all = append(all, surname+given)
				default:
					all = append(all, given+" "+surname)
				}
			}
		}
	}
	return all
}()

func shownName(culture, given, surname int) string {
	return shownNames[(culture*namesEach+given)*namesEach+surname]
}

// departments are all of them, those of offices first.
var departments = append(append([]department{}, officeDepartments...), leadership, shopFloor, warehouse, subsidiary, collaborator)

// Device is a computer that can have units.
type Device struct {
	ID, DeviceID GUID
	Name         string
	System       string
	person       int32 // its place among people
}

const deviceCount = 36

var deviceKinds = []struct{ name, system string }{{"KIOSK", "Windows"}, {"LAGER", "Windows"}, {"会議室", "Windows"}, {"TABLET", "Android"}}
