package emulator

import (
	"fmt"
	"math"
	"time"

	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/fault"
)

// ParseFault parses a fault from the text of a flag: names and values such as
//
//	endpoint=GET /users,status=503,rate=0.1,seed=7
//
// or a JSON object. A comma is a separator only if a name and = follow.
// header.Location, inner.code, set.state and add.x are members of objects. A
// name without a value is true.
func ParseFault(text string) (Fault, error) { return fault.Parse(text, api.IsLabel) }

// Inject appends a fault to the queue. It panics if the fault is invalid or
// empty, or if the queue is full.
func (e *Emulator) Inject(f Fault) {
	if err := e.faults.Inject(e.clock.Now(), f); err != nil {
		panic(fmt.Errorf("emulator: %w", err))
	}
}

// ClearFaults empties the queue.
func (e *Emulator) ClearFaults() { e.faults.Clear() }

// Variants returns the current variants.
func (e *Emulator) Variants() Variants { return *e.variants.Load() }

// SetVariants sets the variants for later requests.
func (e *Emulator) SetVariants(v Variants) { e.variants.Store(&v) }

// Advance advances the emulator's clock by d: tokens expire, pending changes
// take effect, throttling limits reset and faults with a time start and end.
// The clock cannot go back, or ahead more than a hundred years.
func (e *Emulator) Advance(d time.Duration) error {
	if err := e.clock.Advance(d); err != nil {
		return fmt.Errorf("emulator: %w", err)
	}
	return nil
}

// Now returns the time of the emulator's clock.
func (e *Emulator) Now() time.Time { return e.clock.Now() }

// Counts returns a copy of the totals by endpoint label, such as "GET
// /users/{id}" or "POST /$batch".
func (e *Emulator) Counts() map[string]Count { return e.traffic.Totals() }

// ResetCounts deletes all totals and the log.
func (e *Emulator) ResetCounts() { e.traffic.Forget() }

// Requests returns the log, oldest first, if [Options].Record is set. The
// parts of a batch come before the batch, in the order of their completion.
// Requests to Entra have neither query nor body, because these contain
// credentials. The oldest bodies are missing if all bodies together exceed 64
// MiB.
func (e *Emulator) Requests() []Request {
	log, _ := e.traffic.Last(math.MaxInt)
	return log
}
