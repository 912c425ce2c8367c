package tenant

// role describes one in a hundred users of a generated tenant. It does not
// specify the result: the licensing rules compute it.
type role struct {
	share      int // users per hundred
	grants     []grant
	department *department // nil: any office
	places     string      // possible usage locations; "" = any
	guest      bool
	disabled   bool
	first      bool // suitable for the first user of the tenant: always causes an error
}

// grant is one product intended for a user.
type grant struct {
	sku Sku
	via string // key of a group, regional, or one of the two below
	// before: the user already had the product with the failing plan disabled,
	// and that right stays in force.
	before bool
	taken  bool // another object has the user's mail address
	busy   bool // another change of the user's licenses is in progress
}

const (
	regional = "regional"
	byHand   = ""         // direct assignment
	byGone   = "deleted"  // by a soft-deleted group: a missing principal
	farAway  = "AE CN EG" // locations where some plans are not available
	china    = "CN"
	anywhere = "DE FR ES PL CZ GB US BR MX GR UA BG IL JP KR IN TH VN TR"
)

// roles have shares that add up to a hundred.
var roles = []role{
	// Users without errors.
	{share: 13, grants: []grant{{sku: skuE3, via: regional}}},
	{share: 6, places: anywhere, grants: []grant{{sku: skuE3, via: regional}, {sku: skuPhone, via: "phone"}, {sku: skuAudio, via: "audio"}}},
	{share: 5, places: anywhere, department: &leadership, grants: []grant{{sku: skuE5, via: "e5"}}},
	{share: 3, places: anywhere, department: &leadership, grants: []grant{{sku: skuE5, via: "e5"}, {sku: skuAnalytics, via: "analytics"}}},
	{share: 4, places: anywhere, grants: []grant{{sku: skuE5, via: "e5"}, {sku: skuCopilot, via: "copilot-1"}}},
	{share: 4, grants: []grant{{sku: skuE3, via: byHand}, {sku: skuE3, via: regional}}}, // the same product twice
	{share: 8, department: &shopFloor, grants: []grant{{sku: skuF3, via: "stores"}}},
	{share: 6, department: &warehouse, grants: []grant{{sku: skuF3, via: "warehouse"}}},
	{share: 7, department: &subsidiary, grants: []grant{{sku: skuBusiness, via: "business"}}},
	{share: 4}, // no license
	{share: 2, department: &collaborator, guest: true},
	{share: 2, grants: []grant{{sku: skuE3, via: regional}, {sku: skuExchange, via: byHand}}}, // a former plan, lapsed
	{share: 1, grants: []grant{{sku: skuE3, via: regional}, {sku: skuVisio, via: "visio"}}},
	{share: 2, grants: []grant{{sku: skuE3, via: "plant"}, {sku: skuVisio, via: "plant"}}}, // two products of one group
	{share: 1, grants: []grant{{sku: skuE3, via: regional}, {sku: skuE3, via: byGone}}},
	{share: 1, disabled: true, grants: []grant{{sku: skuE3, via: regional}}},
	{share: 1, grants: []grant{{sku: skuE3, via: "noteams"}}},

	// A missing required plan.
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
	// No free unit.
	{share: 5, places: anywhere, grants: []grant{{sku: skuE3, via: regional}, {sku: skuCopilot, via: "copilot-2"}}},
	// Not available in the usage location.
	{share: 1, places: farAway, department: &leadership, grants: []grant{{sku: skuE5, via: "e5", before: true}}},
	{share: 1, places: china, grants: []grant{{sku: skuE3, via: regional}, {sku: skuCopilot, via: "copilot-1"}}},
	{share: 1, places: "CN EG", grants: []grant{{sku: skuE3, via: regional}, {sku: skuAudio, via: byHand}}},
	// Other causes.
	{share: 1, grants: []grant{{sku: skuE3, via: regional, taken: true}}},
	{share: 1, grants: []grant{{sku: skuE3, via: regional, before: true, taken: true}}},
	{share: 1, grants: []grant{{sku: skuE3, via: regional, before: true, busy: true}}},
}
