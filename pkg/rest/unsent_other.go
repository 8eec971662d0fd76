//go:build !linux

package rest

import "net"

// lean is for Linux: other systems take little by themselves.
type lean struct{ net.Listener }
