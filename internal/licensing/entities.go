package licensing

// The types that other subgraphs can refer to by a key (Apollo Federation calls them entities).

// IsEntity marks an entity.
func (*User) IsEntity() {}

// IsEntity marks an entity.
func (*Group) IsEntity() {}

// IsEntity marks an entity.
func (*AssignmentError) IsEntity() {}

// IsEntity marks an entity.
func (*UsageRight) IsEntity() {}

// IsEntity marks an entity.
func (*SubscribedSku) IsEntity() {}

// IsEntity marks an entity.
func (*Device) IsEntity() {}

// IsEntity marks an entity.
func (*Allotment) IsEntity() {}

// IsEntity marks an entity.
func (*Assignment) IsEntity() {}
