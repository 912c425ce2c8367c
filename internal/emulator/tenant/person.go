package tenant

import (
	"cmp"
	"strings"
	"time"
)

// Person is a user account or a device. A tenant can have a million of them,
// so properties with few possible values are stored as indexes.
type Person struct {
	id       GUID
	name     string // user principal name
	assigned []*Assignment
	memberOf []int32 // indexes into groups
	rows     []row
	waits    poolSet
	written  map[string]any // properties set by a write
	created  int64          // Unix time
	gone     int64          // Unix time of the deletion
	device   int32          // index into devices, plus one; 0: a user

	culture    uint8
	given      uint8
	surname    uint8
	department uint8
	title      uint8
	guest      bool
	disabled   bool
	nowhere    bool // without a usage location, like guests
	agent      bool // the account of an agent identity
	busy       bool // another change of the licenses is in progress
	role       uint8

	employee
}

func (p *Person) isUser() bool { return p.device == 0 && p.gone == 0 }

// Agent reports whether the account is that of an agent.
func (p *Person) Agent() bool { return p.agent }

// ID returns the object ID.
func (p *Person) ID() GUID { return p.id }

func (p *Person) UserPrincipalName() string { return p.name }

// Created returns the time at which the account was created.
func (p *Person) Created() time.Time { return time.Unix(p.created, 0).UTC() }

// Deleted returns the time at which the account was deleted, or the zero time.
func (p *Person) Deleted() time.Time {
	if p.gone == 0 {
		return time.Time{}
	}
	return time.Unix(p.gone, 0).UTC()
}

// Guest reports whether the account is a guest.
func (p *Person) Guest() bool { return p.guest }

// Enabled reports whether the account is enabled.
func (p *Person) Enabled() bool { return !p.disabled }

// Role returns the number of the user's directory role, from 1, or 0 for none.
// The first seven eligible users of a tenant have a role, each a different
// one.
func (p *Person) Role() int { return int(p.role) }

// Text returns a property by its name in Microsoft Graph, such as displayName.
// It returns "" if the property is null or not a string.
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
	case "companyName":
		return cmp.Or(departments[p.department].company, companies[cultures[p.culture].region])
	case "city":
		if !p.guest {
			return cultures[p.culture].city
		}
	case "usageLocation": // A guest has none.
		if !p.guest && !p.nowhere {
			return cultures[p.culture].location
		}
	case "userType":
		if p.guest {
			return "Guest"
		}
		return "Member"
	}
	return p.employeeText(property)
}

// Choice returns a number that is equal for all users with the same value of a
// property, and the number of possible values. It reports false after a write
// to the property. A filter uses it to evaluate each value of a property with
// few values only once.
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
	case "usageLocation", "city", "state":
		if p.guest || p.nowhere && property == "usageLocation" {
			return len(cultures), len(cultures) + 1, true
		}
		return int(p.culture), len(cultures) + 1, true
	case "userType", "creationType":
		if p.guest {
			return 1, 2, true
		}
		return 0, 2, true
	case "companyName":
		return int(p.department)*len(cultures) + int(p.culture), len(departments) * len(cultures), true
	case "employeeType", "employeeOrgData/costCenter", "employeeOrgData/division":
		if p.number == 0 {
			return 0, employeeChoices, true
		}
		return 1 + (int(p.kind)*len(departments)+int(p.department))*len(cultures) + int(p.culture), employeeChoices, true
	}
	return 0, 0, false
}

// employeeChoices is the number of combinations of an employee's type,
// department and culture, and none.
var employeeChoices = 1 + len(employeeTypes)*len(departments)*len(cultures)

// mail returns the address of a user's mailbox, or a guest's external address.
func (p *Person) mail() string {
	if local, domain, ok := strings.Cut(strings.TrimSuffix(p.name, "@"+MainDomain), "_partner.example#EXT#"); ok {
		return local + domain + "@partner.example"
	}
	return p.name
}

// Written returns a property that was written and is not a string.
func (p *Person) Written(property string) (any, bool) {
	v, ok := p.written[property]
	return v, ok
}

// shown is the names of each culture, as displayed and in ASCII.
var shown = func() []struct{ given, surname, plainGiven, plainSurname []string } {
	list := make([]struct{ given, surname, plainGiven, plainSurname []string }, len(cultures))
	for i, c := range cultures {
		list[i].given, list[i].plainGiven = names(c.given)
		list[i].surname, list[i].plainSurname = names(c.family)
	}
	return list
}()

const namesEach = 8 // number of given names and of surnames in a culture

// shownNames is the full names of all cultures, as displayed.
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

// departments are all departments, offices first.
var departments = append(append([]department{}, officeDepartments...), leadership, shopFloor, warehouse, subsidiary, collaborator)

// Device is a computer to which units can be assigned.
type Device struct {
	ID, DeviceID GUID
	Name         string
	System       string
	person       int32 // index into Tenant.people
}

const deviceCount = 36

var deviceKinds = []struct{ name, system string }{{"KIOSK", "Windows"}, {"LAGER", "Windows"}, {"会議室", "Windows"}, {"TABLET", "Android"}}
