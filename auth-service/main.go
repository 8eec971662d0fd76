// The auth-service keeps accounts and signs the tokens that all services accept.
package main

import (
	"runtime"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() {
	// A hash holds one of Go's processors for a quarter of a second. As many again
	// are for who asks for something else meanwhile: the system lets those go first.
	runtime.GOMAXPROCS(2 * runtime.GOMAXPROCS(0))
	boot.Main(authd.Name, authd.Run)
}
