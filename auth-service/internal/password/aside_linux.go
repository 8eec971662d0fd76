package password

import "syscall"

// low is a tenth of the usual share where others want a processor, and not less:
// the garbage collector has to wait for this thread too, now and then.
const low = 10

// giveWay lowers the priority of this thread. On Linux it is one of each thread.
func giveWay() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, low) } // or it is as dear as it was
