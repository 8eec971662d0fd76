// The auth-service manages accounts and signs the access tokens of all services.
package main

import (
	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(authd.Name, authd.Run, authd.Promote) }
