// The document-service keeps files in S3 and what is known about them.
package main

import (
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(documentd.Name, documentd.Run) }
