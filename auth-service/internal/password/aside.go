package password

import "runtime"

// aside runs f on a thread of its own that gives way to all others: many who log
// in at once shall not slow down whoever asks for something else, here or in
// another process of the machine.
func aside(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for good: the thread cannot be raised again, and ends with its goroutine
		giveWay()
		f()
	}()
	<-done
}
