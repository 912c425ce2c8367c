package tenant

import (
	"runtime"
	"testing"
	"time"
)

func TestX(t *testing.T) {
	tn := New(1, 500)
	n, before := 0, 0
	causes := map[string]int{}
	for _, e := range tn.Errors(-1) {
		n++
		causes[tn.Failure(e).Cause.Code()]++
		if _, ok := tn.RightOf(e); ok { before++ }
	}
	t.Log(n, before, causes)
	for _, a := range tn.Allotments() { t.Log(tn.Product(a.Sku).SkuPartNumber, a.Allotted(), a.Consumed(), a.WaitingCount()) }
	start := time.Now()
	big := New(1, 1000000)
	t.Log(time.Since(start))
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Log(m.HeapAlloc>>20, m.Sys>>20)
	runtime.KeepAlive(big)
	start = time.Now()
	w := When{Now: time.Now()}
	g := big.groups[0]
	_, r := big.Assign(big.allotments[2], Ref{GroupKind, g.At}, PlanSet{}, w)
	t.Log(r, time.Since(start), g.people)
}
