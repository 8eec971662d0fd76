// The auth-service keeps accounts and signs the tokens that all services accept.
package main

import (
	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(authd.Name, authd.Run) }
