// Package samples contains battery passports for tests and demonstrations. README.md
// describes each file.
package samples

import "embed"

// FS contains the JSON files of this folder.
//
//go:embed *.json invalid
var FS embed.FS
