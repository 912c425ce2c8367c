package emulator

import (
	"fmt"

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
