package account

import (
	"fmt"
	"net/mail"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
	"golang.org/x/text/width"

	"github.com/battery-passport/suite/auth-service/internal/name"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/readable"
)

// NormalEmail returns the form in which an email address is stored and compared: in lower case,
// with the domain in ASCII. CheckEmail refuses domains that are written neither in ASCII nor in
// Unicode form.
func NormalEmail(email string) string {
	email = strings.Map(func(c rune) rune {
		if becomesASCII(c) {
			return c // CheckEmail refuses it
		}
		return unicode.ToLower(c)
	}, strings.TrimSpace(email))
	local, domain := cutAddress(email)
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil && isSpelling(domain, ascii) {
		return local + "@" + ascii
	}
	return email
}

// cutAddress returns the parts of an email address, which may have no domain.
func cutAddress(email string) (local, domain string) {
	at := strings.LastIndexByte(email, '@')
	if at < 0 {
		return email, ""
	}
	return email[:at], email[at+1:]
}

// isSpelling reports whether a domain is its ASCII form or its Unicode form.
func isSpelling(domain, ascii string) bool {
	if domain == ascii {
		return domain != ""
	}
	text, err := idna.Lookup.ToUnicode(ascii)
	return err == nil && domain == text
}

// becomesASCII reports whether the lower case of a non-ASCII character is ASCII, as for the
// Kelvin sign. Converted to lower case, an address with such a character would equal the
// address of another person.
func becomesASCII(c rune) bool { return c > unicode.MaxASCII && unicode.ToLower(c) <= unicode.MaxASCII }

// CheckCredentials returns the faults of an email address and a new password.
func CheckCredentials(email, password string) []fault.Detail {
	return append(CheckEmail(email), checkPasswordPolicy("/password", password)...)
}

// CheckEmail returns the fault of an email address in the form of NormalEmail.
func CheckEmail(email string) []fault.Detail {
	problem := emailProblem(email)
	if problem == "" {
		return nil
	}
	return []fault.Detail{{Path: "/email", Code: "format", Message: problem}}
}

func emailProblem(email string) string {
	local, domain := cutAddress(email)
	a, err := mail.ParseAddress(email)
	switch r := readable.Invisible(email); {
	case readable.IsBlank(email):
		return "must not be blank"
	case r >= 0:
		return fmt.Sprintf("must not have invisible characters, got U+%04X", r)
	case otherForm(email) != 0:
		return fmt.Sprintf("must not have characters that look like others, got %q (U+%04X)", string(otherForm(email)), otherForm(email))
	case !norm.NFC.IsNormalString(email):
		return "must be in Unicode Normalization Form C (NFC)"
	case err != nil || a.Address != email || email != name.Normalize(email):
		return "must be an email address, such as ann@nordlicht.example"
	case len(local) > maxLocal || len(email) > MaxEmail:
		return fmt.Sprintf("must have at most %d bytes, and %d before the @", MaxEmail, maxLocal)
	case !isHostName(domain):
		return fmt.Sprintf("must have a host name after the @, got %.100q", domain)
	}
	return ""
}

// otherForm returns the first full-width or half-width form of a character in an email address, or the first that
// becomes ASCII in lower case, or 0.
func otherForm(email string) rune {
	for _, r := range email {
		if becomesASCII(r) || width.LookupRune(r).Folded() != 0 {
			return r
		}
	}
	return 0
}

// maxLocal limits the part of an address before the @, in bytes (RFC 5321, 4.5.3.1).
const maxLocal = 64

// isHostName reports whether a domain in lower case is a host name, in ASCII. Other spellings, such as ligatures, are
// not valid.
func isHostName(domain string) bool {
	if ascii, err := idna.Lookup.ToASCII(domain); err != nil || domain != ascii {
		return false
	}
	if text, err := idna.Lookup.ToUnicode(domain); err != nil || text == "" {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
	}
	return true
}

// NormalPassword returns the form in which a password is hashed: in NFC, with U+0020 for other
// spaces, as the OpaqueString profile of RFC 8265 requires. Keyboards and systems differ in
// these.
func NormalPassword(password string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Zs, r) {
			return ' '
		}
		return r
	}, password))
}

func checkPasswordPolicy(path, password string) []fault.Detail {
	password = NormalPassword(password)
	switch n := utf8.RuneCountInString(password); {
	case n >= MinPassword && readable.IsBlank(password):
		return []fault.Detail{{Path: path, Code: "required", Message: "must not be blank: it has no visible character"}}
	case n < MinPassword || n > MaxPassword:
		return []fault.Detail{{Path: path, Code: "range", Message: fmt.Sprintf("must have %d to %d characters, got %d", MinPassword, MaxPassword, n)}}
	case isCommon(password):
		return []fault.Detail{{Path: path, Code: "common", Message: "must not be one of the 3,000 most common passwords; use several words, for example"}}
	}
	return nil
}
