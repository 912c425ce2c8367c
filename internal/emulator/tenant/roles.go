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
	nowhere    bool // without a usage location
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
	{share: 12, grants: []grant{{sku: SkuE3, via: regional}}},
	{share: 1, nowhere: true, grants: []grant{{sku: SkuE3, via: regional}}},
	{share: 6, places: anywhere, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuPhone, via: "phone"}, {sku: SkuAudio, via: "audio"}}},
	{share: 4, places: anywhere, department: &leadership, grants: []grant{{sku: SkuE5, via: "e5"}}},
	{share: 1, places: anywhere, department: &leadership, grants: []grant{{sku: SkuE5, via: "e5"}, {sku: SkuPhone, via: byHand}}}, // all plans are in the other product
	{share: 3, places: anywhere, department: &leadership, grants: []grant{{sku: SkuE5, via: "e5"}, {sku: SkuAnalytics, via: "analytics"}}},
	{share: 4, places: anywhere, grants: []grant{{sku: SkuE5, via: "e5"}, {sku: SkuCopilot, via: "copilot-1"}}},
	{share: 4, grants: []grant{{sku: SkuE3, via: byHand}, {sku: SkuE3, via: regional}}}, // the same product twice
	{share: 8, department: &shopFloor, grants: []grant{{sku: SkuF3, via: "stores"}}},
	{share: 6, department: &warehouse, grants: []grant{{sku: SkuF3, via: "warehouse"}}},
	{share: 7, department: &subsidiary, grants: []grant{{sku: SkuBusiness, via: "business"}}},
	{share: 4}, // no license
	{share: 1, department: &collaborator, guest: true},
	{share: 1, department: &collaborator, guest: true, grants: []grant{{sku: SkuVisio, via: "visio"}}},
	{share: 2, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuExchange, via: byHand}}}, // a former plan, lapsed
	{share: 1, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuVisio, via: "visio"}}},
	{share: 2, grants: []grant{{sku: SkuE3, via: "plant"}, {sku: SkuVisio, via: "plant"}}}, // two products of one group
	{share: 1, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuE3, via: byGone}}},
	{share: 1, disabled: true, grants: []grant{{sku: SkuE3, via: regional}}},
	{share: 1, grants: []grant{{sku: SkuE3, via: "noteams"}}},

	// A missing required plan.
	{share: 4, first: true, department: &warehouse, grants: []grant{{sku: SkuF3, via: "warehouse"}, {sku: SkuAnalytics, via: "analytics"}}},
	{share: 2, department: &shopFloor, grants: []grant{{sku: SkuF3, via: "stores"}, {sku: SkuAnalytics, via: "analytics", before: true}}},
	{share: 1, department: &shopFloor, grants: []grant{{sku: SkuF3, via: "stores"}, {sku: SkuAnalytics, via: byHand, before: true}}},
	{share: 2, places: anywhere, grants: []grant{{sku: SkuE3, via: "noteams"}, {sku: SkuCopilot, via: "copilot-1", before: true}}},
	{share: 1, places: anywhere, grants: []grant{{sku: SkuE3, via: "noteams"}, {sku: SkuCopilot, via: "copilot-2"}}},
	{share: 3, places: anywhere, department: &shopFloor, grants: []grant{{sku: SkuF3, via: "stores"}, {sku: SkuPhone, via: "phone"}}},
	// Plans that exclude each other.
	{share: 2, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuF3, via: "stores"}}},
	{share: 2, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuF3, via: "warehouse", before: true}}},
	{share: 1, department: &subsidiary, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuBusiness, via: "business"}}},
	{share: 1, department: &subsidiary, grants: []grant{{sku: SkuE3, via: byHand}, {sku: SkuBusiness, via: "business", before: true}}},
	// No free unit.
	{share: 5, places: anywhere, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuCopilot, via: "copilot-2"}}},
	// Not available in the usage location.
	{share: 1, places: farAway, department: &leadership, grants: []grant{{sku: SkuE5, via: "e5", before: true}}},
	{share: 1, places: china, grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuCopilot, via: "copilot-1"}}},
	{share: 1, places: "CN EG", grants: []grant{{sku: SkuE3, via: regional}, {sku: SkuAudio, via: byHand}}},
	// Other causes.
	{share: 1, grants: []grant{{sku: SkuE3, via: regional, taken: true}}},
	{share: 1, grants: []grant{{sku: SkuE3, via: regional, before: true, taken: true}}},
	{share: 1, grants: []grant{{sku: SkuE3, via: regional, before: true, busy: true}}},
}
