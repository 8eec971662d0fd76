package totp

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image"
	"image/color"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	goqr "github.com/piglig/go-qr"

	"github.com/battery-passport/suite/auth-service/internal/account"
)

var testSecrets = Secrets{Key: func() ([]byte, error) { return bytes.Repeat([]byte{1}, 32), nil }}

// TestVectorsOfRFC6238: the codes of Appendix B, with the last six of their eight digits, belong to
// the step of their time, and to no other.
func TestVectorsOfRFC6238(t *testing.T) {
	sealed, err := testSecrets.seal("ann", []byte("12345678901234567890"))
	if err != nil {
		t.Fatal(err)
	}
	for at, code := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		want := at / 30
		for _, around := range []int64{want, want - 10, want + 10} {
			if step, found, err := testSecrets.Step("ann", sealed, code[2:], around, 10); step != want || !found || err != nil {
				t.Errorf("code %s around step %d: step %d, %v, %v, want %d", code[2:], around, step, found, err, want)
			}
		}
		for _, around := range []int64{want - 11, want + 11} {
			if step, found, _ := testSecrets.Step("ann", sealed, code[2:], around, 10); found {
				t.Errorf("code %s around step %d: step %d, want none", code[2:], around, step)
			}
		}
	}
	for _, code := range []string{"", "287 082", "94287082", "٢٨٧٠٨٢", "28708", "-87082"} {
		if _, found, err := testSecrets.Step("ann", sealed, code, 1, 10); found != (code == "287 082") || err != nil {
			t.Errorf("code %q: found %v, %v", code, found, err)
		}
	}
}

// TestSealedSecretIsBoundToItsAccount: a secret that is moved to another account, changed, or read with another key is refused.
func TestSealedSecretIsBoundToItsAccount(t *testing.T) {
	e, err := testSecrets.New("ann", "ann@x.example")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := encoding.DecodeString(e.Secret)
	if err != nil || len(secret) != 20 || bytes.Contains(e.Sealed, secret) {
		t.Errorf("secret of %d bytes, %v, sealed %x", len(secret), err, e.Sealed)
	}
	if opened, err := testSecrets.open("ann", e.Sealed); err != nil || !bytes.Equal(opened, secret) {
		t.Errorf("opened %x, %v, want %x", opened, err, secret)
	}
	other := Secrets{Key: func() ([]byte, error) { return bytes.Repeat([]byte{2}, 32), nil }}
	changed := bytes.Clone(e.Sealed)
	changed[len(changed)-1] ^= 1
	for name, open := range map[string]func() ([]byte, error){
		"another account": func() ([]byte, error) { return testSecrets.open("bob", e.Sealed) },
		"another key":     func() ([]byte, error) { return other.open("ann", e.Sealed) },
		"changed":         func() ([]byte, error) { return testSecrets.open("ann", changed) },
		"empty":           func() ([]byte, error) { return testSecrets.open("ann", nil) },
	} {
		if opened, err := open(); err == nil || strings.Contains(err.Error(), e.Secret) {
			t.Errorf("%s: opened %x, %v", name, opened, err)
		}
	}
	again, err := testSecrets.New("ann", "ann@x.example")
	if err != nil || again.Secret == e.Secret {
		t.Errorf("the same secret twice, %v", err)
	}
}

// TestEnrolmentForApps: the URI has what apps read, and the QR code is the URI.
func TestEnrolmentForApps(t *testing.T) {
	for _, email := range []string{"ann@x.example", "ann+battery&co@x.example", "käthe@bücher.example", strings.Repeat("a", 64) + "@" + strings.Repeat("long-label.", 17) + "example"} {
		e, err := testSecrets.New("ann", email)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(e.URI)
		if err != nil {
			t.Fatal(err)
		}
		got := fmt.Sprint(u.Scheme, " ", u.Host, " ", u.Path, " ", u.Query())
		want := fmt.Sprint("otpauth totp /Battery Passport:", email, " ", url.Values{"secret": {e.Secret}, "issuer": {"Battery Passport"}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {strconv.Itoa(int(account.CodePeriod / time.Second))}})
		if got != want || strings.Contains(e.URI, " ") {
			t.Errorf("URI %s: %s, want %s", e.URI, got, want)
		}
		if text, err := goqr.Decode(draw(t, e.QR)); err != nil || text != e.URI {
			t.Errorf("the QR code says %q, %v, want %q", text, err, e.URI)
		}
	}
}

// draw returns the image of an SVG whose only path has horizontal and vertical lines.
func draw(t *testing.T, svg string) image.Image {
	t.Helper()
	var doc struct {
		ViewBox string `xml:"viewBox,attr"`
		Path    struct {
			D string `xml:"d,attr"`
		} `xml:"path"`
	}
	if err := xml.Unmarshal([]byte(svg), &doc); err != nil {
		t.Fatal(err)
	}
	var size, x, y, startX, startY int
	fmt.Sscanf(doc.ViewBox, "0 0 %d", &size)
	img := image.NewGray(image.Rect(0, 0, size, size))
	dark := make([][]bool, size)
	for i := range dark {
		dark[i] = make([]bool, size)
	}
	// Each vertical line inverts all pixels to its right: the rule evenodd.
	vertical := func(toX, toY int) {
		for row := min(y, toY); row < max(y, toY) && toX == x; row++ {
			for column := x; column < size; column++ {
				dark[row][column] = !dark[row][column]
			}
		}
		x, y = toX, toY
	}
	for _, c := range regexp.MustCompile(`([MLHVZz])\s*(-?\d*)[ ,]?(-?\d*)`).FindAllStringSubmatch(doc.Path.D, -1) {
		a, _ := strconv.Atoi(c[2])
		b, _ := strconv.Atoi(c[3])
		switch c[1] {
		case "M":
			x, y, startX, startY = a, b, a, b
		case "L":
			vertical(a, b)
		case "H":
			vertical(a, y)
		case "V":
			vertical(x, a)
		default:
			vertical(startX, startY)
		}
	}
	for row := range dark {
		for column := range dark[row] {
			img.SetGray(column, row, color.Gray{255})
			if dark[row][column] {
				img.SetGray(column, row, color.Gray{0})
			}
		}
	}
	return img
}
