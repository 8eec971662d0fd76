package rest

import (
	"net"
	"syscall"
)

const (
	notSentLowAt = 25 // TCP_NOTSENT_LOWAT, which package syscall does not name
	unsent       = 64 << 10
)

// lean has the kernel take little more than it sends. Else it takes megabytes at
// once, and then nothing until a third of them is gone: who reads slowly would
// look like who stands still.
type lean struct{ net.Listener }

func (l lean) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil { // without it all works, but for that
			_ = raw.Control(func(fd uintptr) { _ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, notSentLowAt, unsent) })
		}
	}
	return conn, err
}
