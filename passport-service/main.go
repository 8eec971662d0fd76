// The passport-service stores battery passports and their version history.
package main

import (
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(passportd.Name, passportd.Run) }
