// Package samples holds battery passports to try things with; README.md says
// what each shows.
package samples

import "embed"

// FS holds the files of this folder.
//
//go:embed *.json invalid
var FS embed.FS
