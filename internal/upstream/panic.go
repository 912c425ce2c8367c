package upstream

import (
	"fmt"
	"runtime"
	"strings"
)

// PanicError is a recovered panic, with its type and origin but without its value, which may be personal data.
type PanicError struct{ What, At string }

func (e *PanicError) Error() string { return "panic: " + e.What + " at " + e.At }

// Recovered converts the result of recover. Call it in the deferred function.
func Recovered(p any) *PanicError {
	e := &PanicError{What: fmt.Sprintf("%T", p), At: panicked()}
	if err, ok := p.(runtime.Error); ok {
		e.What = err.Error()
	}
	return e
}

// panicked returns the function and line of the panic.
func panicked() string {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	inPanic := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.HasPrefix(frame.Function, "runtime."):
			inPanic = inPanic || strings.Contains(frame.Function, "panic")
		case inPanic:
			return fmt.Sprintf("%s:%d", frame.Function, frame.Line)
		}
		if !more {
			return ""
		}
	}
}

// Guard calls f and returns its panic as an error.
func Guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Recovered(p)
		}
	}()
	f()
	return nil
}
