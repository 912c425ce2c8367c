package contract

import (
	"fmt"
	"sync"
)

// Complaints is a list of at most [Most] errors in answers. The zero value is
// empty. It is safe for concurrent use.
type Complaints struct {
	mu   sync.Mutex
	list []string
}

// Check adds the errors of an answer.
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

// Take returns the list and empties it.
func (l *Complaints) Take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.list
	l.list = nil
	return list
}
