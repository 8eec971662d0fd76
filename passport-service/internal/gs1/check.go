package gs1

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// checks are the conditions for a component of a value, by their names in ais.txt. They
// are called with characters of the component's set only.
var checks = map[string]func(string) error{
	"csum":         checkDigit,
	"csumalpha":    checkPair,
	"zero":         require("must be 0", func(s string) bool { return strings.Trim(s, "0") == "" }),
	"nonzero":      require("must not be 0", func(s string) bool { return strings.Trim(s, "0") != "" }),
	"nozeroprefix": require("must not begin with 0", func(s string) bool { return s == "0" || s[0] != '0' }),
	"hasnondigit":  require("must have a character that is not a digit", func(s string) bool { return strings.Trim(s, "0123456789") != "" }),
	"pieceoftotal": require("must be the number of a piece and the total number", func(s string) bool {
		piece, total := s[:len(s)/2], s[len(s)/2:]
		return strings.Trim(piece, "0") != "" && piece <= total
	}),
	"yymmdd": require("must be a date YYMMDD", func(s string) bool { return isDate(s) }),
	"yymmd0": require("must be a date YYMMDD, or YYMM00", func(s string) bool { return isDate(strings.TrimSuffix(s, "00")+"01") || isDate(s) }),
}

func require(message string, holds func(string) bool) func(string) error {
	return func(value string) error {
		if !holds(value) {
			return fmt.Errorf("%s, got %q", message, value)
		}
		return nil
	}
}

func isDate(s string) bool {
	_, err := time.Parse("060102", s)
	return err == nil
}

// CheckDigit returns the check digit for a GTIN, GLN or SSCC whose other digits are
// given (General Specifications, section 7.9.1).
func CheckDigit(digits string) byte {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 0 {
			n *= 3
		}
		sum += n
	}
	return byte('0' + (10-sum%10)%10)
}

func checkDigit(value string) error {
	end := len(value) - 1
	if want := CheckDigit(value[:end]); value[end] != want {
		return fmt.Errorf("has a wrong check digit: got %c, want %c", value[end], want)
	}
	return nil
}

// checkPair checks the two check characters of a GMN (General Specifications, section
// 7.9.5).
func checkPair(value string) error {
	const alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	if len(value) < 3 {
		return errors.New("is too short for its check characters")
	}
	end, sum, prime := len(value)-2, 0, 0
	for i := range end {
		prime = nextPrime(prime)
		sum += strings.IndexByte(set82, value[end-1-i]) * prime
	}
	sum %= 1021
	if want := string(alphabet[sum>>5]) + string(alphabet[sum&31]); value[end:] != want {
		return fmt.Errorf("has wrong check characters: got %s, want %s", value[end:], want)
	}
	return nil
}

// nextPrime returns the smallest prime above n.
func nextPrime(n int) int {
	for candidate := max(n+1, 2); ; candidate++ {
		isPrime := true
		for d := 2; d*d <= candidate; d++ {
			isPrime = isPrime && candidate%d != 0
		}
		if isPrime {
			return candidate
		}
	}
}
