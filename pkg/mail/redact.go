package mail

import (
	"regexp"
	"slices"
	"strings"
)

// addressPattern matches an email address in the reply of a mail server, with or without angle
// brackets.
var addressPattern = regexp.MustCompile(`<?[^\s<>(){}\[\],:;"']+@[^\s<>(){}\[\],:;"']+>?`)

// redact replaces the recipient in the text of an error, because such texts reach logs and stored
// tasks. A mail server may write another form of the address, so every address is replaced except
// those in keep.
func redact(text, recipient string, keep ...string) string {
	const replacement = "<recipient>"
	quoted := strings.ReplaceAll(recipient, `"`, `\"`) // go-mail quotes replies
	for _, form := range []string{recipient, quoted} {
		text = regexp.MustCompile("(?i)<?"+regexp.QuoteMeta(form)+">?").ReplaceAllLiteralString(text, replacement)
	}
	return addressPattern.ReplaceAllStringFunc(text, func(found string) string {
		if slices.Contains(keep, strings.Trim(found, "<>.")) {
			return found
		}
		return replacement
	})
}
