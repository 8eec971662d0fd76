// Document-service stores uploaded files in S3 and their metadata in the database.
package main

import (
	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/boot"
)

func main() { boot.Main(documentd.Name, documentd.Run) }
