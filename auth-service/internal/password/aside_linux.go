package password

import "syscall"

const lowest = 19

// giveWay lowers the priority of this thread. On Linux it is one of each thread.
func giveWay() { _ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, lowest) } // or it is as dear as it was
