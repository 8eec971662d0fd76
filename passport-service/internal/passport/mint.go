package passport

import (
	"crypto/rand"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/gs1"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/fault"
)

// IdentifierScheme selects how the service generates the identifier of a battery that has none.
type IdentifierScheme string

// The schemes.
const (
	NoIdentifier  IdentifierScheme = ""    // the data has it, or it is added later
	GS1Identifier IdentifierScheme = "gs1" // a GS1 Digital Link: /01/{GTIN}/21/{serial}
	URIIdentifier IdentifierScheme = "uri" // /p/{random}
)

// serialLength is the length of random serials: 75 bits with 5 bits per character. They
// are not sequential, because numbers would reveal how many batteries a maker sells.
const serialLength = 15

// randomSerial returns upper-case letters and digits without I, L, O and U, which people
// confuse with others. A QR code needs less space for them than for lower-case letters.
func randomSerial() string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	b := make([]byte, serialLength)
	rand.Read(b) // never fails
	for i := range b {
		b[i] = alphabet[b[i]%byte(len(alphabet))]
	}
	return string(b)
}

// identify sets the battery identifier of data that has none. A serial number in the data
// becomes part of the link, because the two must be equal (rule ID-2).
func (s *Service) identify(data *ruleset.Document, scheme IdentifierScheme) error {
	refuse := func(path, code, message string) error {
		return fault.New(fault.Invalid, "the battery identifier cannot be generated").With(newDetail(strings.TrimSuffix("/data/generalInformation/"+path, "/"), code, message))
	}
	switch {
	case scheme == NoIdentifier || data == nil:
		return nil
	case data.Text(batteryIdentifier) != "":
		return refuse("batteryIdentifier", "notApplicable", "must be missing if the service is to generate it")
	case !data.First("generalInformation").IsObject():
		return refuse("", "required", "is missing: the identifier becomes part of it")
	case scheme == URIIdentifier:
		data.SetText(batteryIdentifier, s.IdentifierBase+"/p/"+randomSerial())
		return nil
	}
	gtin := gtin14(data.Text(modelGTIN))
	if gtin == "" {
		return refuse("batteryModel/gtin", "required", "is missing: the identifier contains it")
	}
	serial := data.Text(serialNumber)
	if serial == "" {
		serial = randomSerial()
	}
	for _, e := range []struct{ ai, value, path string }{{"01", gtin, "batteryModel/gtin"}, {"21", serial, "batterySerialNumber"}} {
		if err := gs1.CheckValue(e.ai, e.value); err != nil {
			return refuse(e.path, "format", "cannot be part of a GS1 Digital Link: "+err.Error())
		}
	}
	link := gs1.Link{Key: gs1.Element{AI: "01", Value: gtin}, Qualifiers: []gs1.Element{{AI: "21", Value: serial}}}
	data.SetText(serialNumber, serial)
	data.SetText(batteryIdentifier, s.IdentifierBase+link.Path())
	return nil
}
