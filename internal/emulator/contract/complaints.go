package contract

import (
	"fmt"
	"sync"
)

// Complaints are what is wrong with answers, at most [Most] of them. The zero value has none. It is safe for concurrent
// use.
type Complaints struct {
	mu   sync.Mutex
	list []string
}

// Check adds what is wrong with an answer.
func (l *Complaints) Check(x Exchange) {
	if l.full() {
		return
	}
	found := Check(x)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range found {
		if len(l.list) < Most {
			l.list = append(l.list, fmt.Sprintf("%s %.200s: %s", x.Method, x.URL, text))
		}
	}
}

func (l *Complaints) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.list) >= Most
}

// Take empties the list and returns what was in it.
func (l *Complaints) Take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}
