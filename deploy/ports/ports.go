// Package ports finds unused ports for the processes of tools.
package ports

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Systems give ports from 32,768 to clients.
const lowest, highest = 10_000, 30_000

// InARow returns the first of n consecutive ports of 127.0.0.1 on which nothing listens. Another
// process may take one of them before the caller does.
func InARow(n int) (first int, err error) {
	for range 100 {
		first = lowest + rand.IntN(highest-lowest-n)
		if areUnused(first, n) {
			return first, nil
		}
	}
	return 0, errors.New("no unused ports found in 100 attempts")
}

func areUnused(first, n int) bool {
	for port := first; port < first+n; port++ {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			return false
		}
		l.Close()
	}
	return true
}
