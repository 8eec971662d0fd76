// The passport-service keeps battery passports and all their versions.
package main

import (
	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(passportd.Name, passportd.Run) }
