package emulator

import (
	"math"
)

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
