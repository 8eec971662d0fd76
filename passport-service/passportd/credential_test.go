package passportd_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// credentialFile is the media type of credentials.
const credentialFile = "application/vc+jwt"

// signed returns a payload as a JSON Web Token with a signature that nobody can check.
func signed(payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"ES256","typ":"vc+jwt"}`)) + "." + encode([]byte(payload)) + "." + encode([]byte("signature"))
}

// enveloped returns an EnvelopedVerifiableCredential with a token.
func enveloped(token string) string {
	return `{"@context":["https://www.w3.org/ns/credentials/v2"],"type":["EnvelopedVerifiableCredential"],"id":"data:application/vc+jwt,` + token + `"}`
}

// TestSignedCredentialsAreImported imports UNTP credentials in the envelopes in which they are exchanged.
func TestSignedCredentialsAreImported(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	p := s.create(operator, sample(t, "lmt-ebike.json"))
	credential := s.Call("GET /api/passports/"+p.ID+"/export?format=untp-0.6", operator, nil).Want(200, nil).Text
	token := signed(credential)
	for name, c := range map[string]struct{ query, mediaType, file, want string }{
		"JSON":             {"?format=untp-0.6", "application/json", credential, "1 created v1 draft"},
		"token":            {"", credentialFile, token, "1 created v1 draft"},
		"format, token":    {"?format=untp-0.6", credentialFile, token + "\n", "1 created v1 draft"},
		"version 1.1":      {"", credentialFile, signed(`{"iss":"did:web:a.example","vc":` + credential + `}`), "1 created v1 draft"},
		"envelope":         {"?format=untp-0.6", "application/json", enveloped(token), "1 created v1 draft"},
		"type is a string": {"?format=untp-0.6", "application/json", strings.NewReplacer(`["Env`, `"Env`, `al"]`, `al"`).Replace(enveloped(token)), "1 created v1 draft"},
		"earlier type":     {"?format=untp-0.6", "application/json", strings.Replace(enveloped(token), "vc+jwt", "vc-ld+jwt", 1), "1 created v1 draft"},
		"many":             {"?format=untp-0.6", ndjson, enveloped(token) + "\n" + credential, "1 created v1 draft; 2 unchanged v1 draft"},
		"many tokens":      {"", credentialFile, token + "\n\n" + token, "1 created v1 draft; 3 unchanged v1 draft"},
		"other envelope":   {"?format=untp-0.6", "application/json", strings.Replace(enveloped(token), "vc+jwt", "vc+cose", 1), "1 invalid /id:format"},
		"SD-JWT":           {"", credentialFile, token + "~x~", "1 invalid :format"},
		"no token":         {"", credentialFile, "eyJ", "1 invalid :format"},
		"no Base64":        {"", credentialFile, "eyJ.=.x", "1 invalid :syntax"},
		"no JSON":          {"", credentialFile, signed("x"), "1 invalid :syntax"},
		"too deep":         {"", credentialFile, signed(nested(100)), "1 invalid " + strings.Repeat("/0", 64) + ":depth"},
	} {
		reader := s.as(auth.Operator, "of-"+strings.Map(func(r rune) rune {
			if r == ' ' || r == ',' || r == '.' {
				return '-'
			}
			return r
		}, strings.ToLower(name)))
		lines, sum := s.importFile(reader, c.query, c.mediaType, c.file)
		if brief(lines) != c.want || !sum.Complete {
			t.Errorf("%s: %s %+v, want %s", name, brief(lines), lines, c.want)
			continue
		}
		if isChecked := !strings.Contains(fmt.Sprint(lines[0].Warnings), "the signature of the credential was not checked"); isChecked != (name == "JSON") && strings.Contains(c.want, "created") {
			t.Errorf("%s: warnings %v, want that the signature was not checked", name, lines[0].Warnings)
		}
	}
	for _, mediaType := range []string{"application/json", ndjson, csvFile} {
		if got := s.Call("POST /api/passports/import", operator, token, "Content-Type", mediaType); !strings.Contains(got.Text, "send Content-Type: "+credentialFile) {
			t.Errorf("%s: %s", mediaType, got.Text)
		}
	}
	if got := s.Call("POST /api/passports", operator, json.RawMessage(enveloped(token))).Want(422, nil).Text; !strings.Contains(got, "import?format=untp-0.6") {
		t.Errorf("envelope as a passport: %s", got)
	}
}

// TestPartsOfDocumentsAreExplained imports an aspect of the Battery Pass data model alone, and a page of a list.
func TestPartsOfDocumentsAreExplained(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "a")
	lines, _ := s.importFile(operator, "?format=batterypass-1.2", "application/json", `{"productIdentifier":"https://a.example/1","batteryMass":450,"batteryCategory":"ev","colour":"red","operatorInformation":{"contactName":"A"}}`)
	if brief(lines) != "1 created v1 draft" || fmt.Sprint(lines[0].Warnings) != "[{/colour loss is not imported unchanged: has no corresponding field or value}]" {
		t.Errorf("general information: %s %v", brief(lines), lines)
	}
	for text, want := range map[string]string{
		`{"absoluteCarbonFootprint":7380,"carbonFootprintPerLifecycleStage":[]}`:      "send all aspects of a battery together, as an object with a member for each",
		`{"batteryTechicalProperties":{"ratedCapacity":50},"batteryCondition":{}}`:    "send all aspects of a battery together",
		`{"CarbonFootprintForBatteries":{"absoluteCarbonFootprint":7380},"labels":1}`: "send all aspects of a battery together",
	} {
		lines, _ := s.importFile(operator, "?format=batterypass-1.2", "application/json", text)
		if brief(lines) != "1 invalid /data/generalInformation/batteryIdentifier:required" || !strings.Contains(fmt.Sprint(lines[0].Errors), want) {
			t.Errorf("%s: %v", text, lines)
		}
	}
	if got := s.Call("POST /api/passports", operator, json.RawMessage(`{"carbonFootprintPerLifecycleStage":[]}`)).Want(422, nil).Text; !strings.Contains(got, "import?format=batterypass-1.2") {
		t.Errorf("an aspect as a passport: %s", got)
	}
	list := s.Call("GET /api/passports", operator, nil).Want(200, nil).Text
	for _, mediaType := range []string{"application/json", ndjson} {
		lines, _ := s.importFile(operator, "", mediaType, list)
		if brief(lines) != "1 invalid /items:unknownField" || !strings.Contains(fmt.Sprint(lines[0].Errors), "send the file of GET /api/passports/export instead") {
			t.Errorf("list as %s: %v", mediaType, lines)
		}
	}
}
