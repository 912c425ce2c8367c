package tenant

// role says what one in a hundred people of the tenant has and is. What comes
// of it is not written here: license finds out from the rules.
type role struct {
	share      int // people in a hundred
	grants     []grant
	department *department // nil: any office
	places     string      // usage locations to choose from; "" = any
	guest      bool
	disabled   bool
	first      bool // fit for the first person of the tenant: always ends in an error
}

// grant is one product that somebody wanted a person to have.
type grant struct {
	sku Sku
	via string // a group's key, regional, or one of the two below
	// before: the person had the product already, with the plan that fails now
	// switched off, and that right stays in force.
	before bool
	taken  bool // somebody else has the person's mail address
	busy   bool // something else is changing the person's licenses
}

const (
	regional = "regional"
	byHand   = ""         // assigned directly
	byGone   = "deleted"  // by a group that is soft-deleted: a missing principal
	farAway  = "AE CN EG" // where some plans are not offered
	china    = "CN"
	anywhere = "DE FR ES PL CZ GB US BR MX GR UA BG IL JP KR IN TH VN TR"
)

// roles add up to a hundred.
var roles = []role{
	// People who are fine.
	{share: 13, grants: []grant{{sku: skuE3, via: regional}}},
	{share: 6, places: anywhere, grants: []grant{{sku: skuE3, via: regional}, {sku: skuPhone, via: "phone"}, {sku: skuAudio, via: "audio"}}},
	{share: 5, places: anywhere, department: &leadership, grants: []grant{{sku: skuE5, via: "e5"}}},
	{share: 3, places: anywhere, department: &leadership, grants: []grant{{sku: skuE5, via: "e5"}, {sku: skuAnalytics, via: "analytics"}}},
	{share: 4, places: anywhere, grants: []grant{{sku: skuE5, via: "e5"}, {sku: skuCopilot, via: "copilot-1"}}},
	{share: 4, grants: []grant{{sku: skuE3, via: byHand}, {sku: skuE3, via: regional}}}, // twice the same product
	{share: 8, department: &shopFloor, grants: []grant{{sku: skuF3, via: "stores"}}},
	{share: 6, department: &warehouse, grants: []grant{{sku: skuF3, via: "warehouse"}}},
	{share: 7, department: &subsidiary, grants: []grant{{sku: skuBusiness, via: "business"}}},
	{share: 4}, // no license at all
	{share: 2, department: &collaborator, guest: true},
	{share: 2, grants: []grant{{sku: skuE3, via: regional}, {sku: skuExchange, via: byHand}}}, // a former plan, lapsed
	{share: 1, grants: []grant{{sku: skuE3, via: regional}, {sku: skuVisio, via: "visio"}}},
	{share: 2, grants: []grant{{sku: skuE3, via: "plant"}, {sku: skuVisio, via: "plant"}}}, // two products of one group
	{share: 1, grants: []grant{{sku: skuE3, via: regional}, {sku: skuE3, via: byGone}}},
	{share: 1, disabled: true, grants: []grant{{sku: skuE3, via: regional}}},
	{share: 1, grants: []grant{{sku: skuE3, via: "noteams"}}},

	// A plan that needs another.
	{share: 4, first: true, department: &warehouse, grants: []grant{{sku: skuF3, via: "warehouse"}, {sku: skuAnalytics, via: "analytics"}}},
	{share: 2, department: &shopFloor, grants: []grant{{sku: skuF3, via: "stores"}, {sku: skuAnalytics, via: "analytics", before: true}}},
	{share: 1, department: &shopFloor, grants: []grant{{sku: skuF3, via: "stores"}, {sku: skuAnalytics, via: byHand, before: true}}},
	{share: 2, places: anywhere, grants: []grant{{sku: skuE3, via: "noteams"}, {sku: skuCopilot, via: "copilot-1", before: true}}},
	{share: 1, places: anywhere, grants: []grant{{sku: skuE3, via: "noteams"}, {sku: skuCopilot, via: "copilot-2"}}},
	{share: 3, places: anywhere, department: &shopFloor, grants: []grant{{sku: skuF3, via: "stores"}, {sku: skuPhone, via: "phone"}}},
	// Plans that exclude each other.
	{share: 2, grants: []grant{{sku: skuE3, via: regional}, {sku: skuF3, via: "stores"}}},
	{share: 2, grants: []grant{{sku: skuE3, via: regional}, {sku: skuF3, via: "warehouse", before: true}}},
	{share: 1, department: &subsidiary, grants: []grant{{sku: skuE3, via: regional}, {sku: skuBusiness, via: "business"}}},
	{share: 1, department: &subsidiary, grants: []grant{{sku: skuE3, via: byHand}, {sku: skuBusiness, via: "business", before: true}}},
	// No unit left.
	{share: 5, places: anywhere, grants: []grant{{sku: skuE3, via: regional}, {sku: skuCopilot, via: "copilot-2"}}},
	// Not sold where the person is.
	{share: 1, places: farAway, department: &leadership, grants: []grant{{sku: skuE5, via: "e5", before: true}}},
	{share: 1, places: china, grants: []grant{{sku: skuE3, via: regional}, {sku: skuCopilot, via: "copilot-1"}}},
	{share: 1, places: "CN EG", grants: []grant{{sku: skuE3, via: regional}, {sku: skuAudio, via: byHand}}},
	// The rest.
	{share: 1, grants: []grant{{sku: skuE3, via: regional, taken: true}}},
	{share: 1, grants: []grant{{sku: skuE3, via: regional, before: true, taken: true}}},
	{share: 1, grants: []grant{{sku: skuE3, via: regional, before: true, busy: true}}},
}
