// The notification-service notifies users about events that concern their passports,
// documents and accounts.
package main

import (
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(notificationd.Name, notificationd.Run) }
