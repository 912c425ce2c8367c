package emulator

import (
	"fmt"
	"math"
	"time"

	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/fault"
)

// ParseFault reads a fault as a flag has it: names and values such as
//
//	endpoint=GET /users,status=503,rate=0.1,seed=7
//
// or a JSON object. A comma separates two of them only where a name and = follow;
// header.Location, inner.code, set.state and add.x are members of objects; a name
// without a value is true.
func ParseFault(text string) (Fault, error) { return fault.Parse(text, api.IsLabel) }

// Inject adds a fault to the end of the queue. It panics if the fault is wrong or empty, or a thousand faults wait already.
func (e *Emulator) Inject(f Fault) {
	if err := e.faults.Inject(e.clock.Now(), f); err != nil {
		panic(fmt.Errorf("emulator: %w", err))
	}
}

// ClearFaults empties the queue.
func (e *Emulator) ClearFaults() { e.faults.Clear() }

// Variants are those in force.
func (e *Emulator) Variants() Variants { return *e.variants.Load() }

// SetVariants changes the variants from the next request on.
func (e *Emulator) SetVariants(v Variants) { e.variants.Store(&v) }

// Advance moves the emulator's clock on by d, without waiting: tokens end, what
// was under way takes effect, limits of throttling are free again and faults with
// a time begin and end. A clock neither goes back nor further than a hundred
// years.
func (e *Emulator) Advance(d time.Duration) error {
	if err := e.clock.Advance(d); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// Now is the time by the emulator's clock.
func (e *Emulator) Now() time.Time { return e.clock.Now() }

// Counts is a copy of the totals by endpoint label, such as
// "GET /users/{id}" or "POST /$batch".
func (e *Emulator) Counts() map[string]Count { return e.traffic.Totals() }

// ResetCounts forgets all totals and the log.
func (e *Emulator) ResetCounts() { e.traffic.Forget() }

// Requests is the log, oldest first, when [Options].Record is set. The parts
// of a batch come before the batch itself, in the order in which they ended. For
// requests to Entra it has neither query nor body, which have credentials. The
// oldest bodies are missing when all together pass 64 MiB.
func (e *Emulator) Requests() []Request {
	log, _ := e.traffic.Last(math.MaxInt)
	return log
}
