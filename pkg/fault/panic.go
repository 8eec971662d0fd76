package fault

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic that Recover has turned into an error. Its text is for the log.
type Panic struct {
	Value any
	Stack []byte
}

func (p *Panic) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Recover sets *err to a Panic if the goroutine panics. It must be deferred. Goroutines of a
// request need it, because a panic in any of them would end the process.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = &Panic{v, debug.Stack()}
	}
}
