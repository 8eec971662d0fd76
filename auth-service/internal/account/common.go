package account

import (
	_ "embed"
	"strings"
	"sync"
)

// commonPasswords are the 3,000 most frequent leaked passwords of at least
// MinPassword characters, in lower case, one per line.
//
//go:embed common.txt
var commonPasswords string

var common = sync.OnceValue(func() map[string]bool {
	set := map[string]bool{}
	for password := range strings.Lines(commonPasswords) {
		set[strings.TrimSuffix(password, "\n")] = true
	}
	return set
})

func isCommon(password string) bool { return common()[strings.ToLower(password)] }
