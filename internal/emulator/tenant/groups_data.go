package tenant

// groupSpec is a group of a generated tenant. A group with products licenses
// its direct members.
type groupSpec struct {
	key         string
	name        string
	description string
	products    []groupProduct
	unified     bool // a Microsoft 365 group, with a mailbox
	secured     bool // also a security group
	second      bool // uses the second allotment of its product

	subgroups string // keys of the member groups
	machines  int    // number of member devices
	app       bool   // the service principal is a member

	rule   string // membership rule of a dynamic group
	paused bool   // the members need not satisfy the rule
	synced bool   // synchronized with the on-premises directory
	roles  bool   // assignable to directory roles
}

type groupProduct struct {
	sku Sku
	off []string
}

// lateGroup got its license after the units of its product were used up.
const lateGroup = "copilot-2"

var groupSpecs = []groupSpec{
	{key: "all", name: "All employees", description: "Everyone on the payroll", unified: true, secured: true, rule: `(user.userType -eq "Member")`},
	{key: "e3-emea", name: "Microsoft 365 E3 – EMEA", description: "Office staff in Europe, the Middle East and Africa", products: []groupProduct{{SkuE3, []string{"KAIZALA_O365_P3"}}}, subgroups: "noteams latam"},
	{key: "e3-americas", name: "Microsoft 365 E3 – Américas", description: "Office staff in the Americas", products: []groupProduct{{sku: SkuE3}}, synced: true},
	{key: "e3-apac", name: "Microsoft 365 E3 – アジア太平洋", description: "Office staff in Asia and the Pacific", products: []groupProduct{{SkuE3, []string{"SWAY", "YAMMER_ENTERPRISE"}}}, second: true, synced: true, subgroups: "payroll"},
	{key: "noteams", name: "Microsoft 365 E3 (no Teams)", description: "Teams is switched off for this group", products: []groupProduct{{SkuE3, []string{"TEAMS1"}}}, synced: true},
	{key: "plant", name: "Usine de Lyon – E3 et Visio", description: "Two products in one group", products: []groupProduct{{sku: SkuE3}, {sku: SkuVisio}}},
	{key: "e5", name: "Microsoft 365 E5 – Führungskreis", description: "Leadership and their offices", products: []groupProduct{{sku: SkuE5}}, subgroups: "board"},
	{key: "stores", name: "Frontline – Magasins", description: "Shop staff", products: []groupProduct{{sku: SkuF3}}, machines: 6, subgroups: "safety"},
	{key: "warehouse", name: "Frontline – Склади", description: "Warehouse staff", products: []groupProduct{{SkuF3, []string{"SWAY"}}}, second: true, rule: `(user.department -eq "Logistics")`, paused: true},
	{key: "business", name: "Business Premium – Θυγατρική", description: "The subsidiary that joined last year", products: []groupProduct{{sku: SkuBusiness}}, rule: `(user.department -eq "Subsidiary")`},
	{key: "copilot-1", name: "Copilot – wave 1", description: "First to try Copilot", products: []groupProduct{{sku: SkuCopilot}}, synced: true, subgroups: "copilot-2"},
	{key: "copilot-2", name: "Copilot – wave 2", description: "Second wave, licensed when no unit was left", products: []groupProduct{{sku: SkuCopilot}}, synced: true},
	{key: "phone", name: "Teams Phone – 電話ユーザー", description: "People with a direct number", products: []groupProduct{{sku: SkuPhone}}, rule: `(user.employeeType -eq "Employee")`, paused: true},
	{key: "audio", name: "Audio Conferencing – hosts", description: "People who host dial-in meetings", products: []groupProduct{{sku: SkuAudio}}},
	{key: "analytics", name: "Workplace Analytics – pilot", description: "Trial of Workplace Analytics", products: []groupProduct{{sku: SkuAnalytics}}, rule: `(user.employeeOrgData.division -eq "Operations")`, paused: true},
	{key: "visio", name: "Visio – מהנדסים", description: "Engineers who draw", products: []groupProduct{{sku: SkuVisio}}, subgroups: "plant safety"},
	{key: "guests", name: "Guests", description: "People of partner companies"},
	{key: "reading", name: "读书会 – Book club", description: "One book a month", unified: true, secured: true},
	{key: "council", name: "Betriebsrat", description: "Works council", unified: true},
	{key: "board", name: "Board", description: "Members of the board"},
	{key: "payroll", name: "Payroll – كشوف المرتبات", description: "Runs the payroll", app: true, roles: true},
	{key: "oncall", name: "On call", description: "Answers the pager", unified: true, app: true},
	{key: "campus", name: "Campus Bengaluru – बेंगलुरु", description: "Everybody on the Bengaluru campus", unified: true, subgroups: "oncall reading", machines: 9},
	{key: "latam", name: "Finanzas LATAM", description: "Finance in Latin America", unified: true, secured: true},
	{key: "safety", name: "안전팀 – Safety", description: "First aiders and fire wardens"},
}
