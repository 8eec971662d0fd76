// The notification-service tells people what happens to what is theirs.
package main

import (
	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(notificationd.Name, notificationd.Run) }
