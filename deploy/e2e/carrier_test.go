package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// judgesFolder has the scripts of deploy/judges. The embedded S3 server changes the working
// directory.
var judgesFolder, _ = filepath.Abs("../judges")

// judges returns the folder that deploy/judges/install.sh has made.
func judges(t *testing.T) string {
	t.Helper()
	folder := os.Getenv("JUDGES")
	if folder == "" {
		t.Skip("JUDGES is not set: run make e2e-browser")
	}
	return folder
}

func output(t *testing.T, input, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stdin = strings.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v: %s", name, args, err, stderr.String())
	}
	return string(out)
}

// code is a barcode as zxing-cpp reads it.
type code struct{ Symbology, Text string }

func readCodes(t *testing.T, pictures ...string) map[string][]code {
	t.Helper()
	codes := map[string][]code{}
	for line := range strings.Lines(output(t, "", filepath.Join(judges(t), "python/bin/python"), append([]string{filepath.Join(judgesFolder, "read.py")}, pictures...)...)) {
		var picture struct {
			File  string
			Codes []code
		}
		if err := json.Unmarshal([]byte(line), &picture); err != nil {
			t.Fatal(err)
		}
		codes[filepath.Base(picture.File)] = picture.Codes
	}
	return codes
}

// symbolOrder is a symbol for bwip-js.
type symbolOrder struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
	ECC  string `json:"ecc"`
}

// sizesByOthers returns the sizes in modules of the symbols that bwip-js makes. It also
// prints the ZPL files in a folder.
func sizesByOthers(t *testing.T, dir string, orders []symbolOrder) (sizes []int) {
	t.Helper()
	input, _ := json.Marshal(orders)
	if err := json.Unmarshal([]byte(output(t, string(input), "node", filepath.Join(judgesFolder, "codes.mjs"), dir)), &sizes); err != nil {
		t.Fatal(err)
	}
	return sizes
}

var viewBox = regexp.MustCompile(`viewBox="0 0 (\d+)`)

// sizeOf returns the size of a symbol in modules, from its SVG.
func sizeOf(t *testing.T, kind, svg string) int {
	t.Helper()
	found := viewBox.FindStringSubmatch(svg)
	if found == nil {
		t.Fatalf("%s: no SVG: %.200s", kind, svg)
	}
	width, _ := strconv.Atoi(found[1])
	if kind == "qr" {
		return width - 8
	}
	return width - 4
}

// TestCodesAreReadByOthers prints codes, sheets and labels for printers with 203, 300 and
// 600 dpi, and reads them with zxing-cpp and ZBar: the text is the battery identifier, byte
// for byte.
func TestCodesAreReadByOthers(t *testing.T) {
	judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	var p passport
	const serial = "NB7K2Q9X*5"
	s.passport.Call("POST /api/passports?identifier=gs1", admin.Token, `{"data":{"generalInformation":{"batterySerialNumber":"`+serial+`","batteryModel":{"gtin":"09521100000116","modelName":"Nordlicht ^FS ~82 Ωmega )]]>"}}}}`).Want(201, &p)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kinds := map[string]code{"qr": {"]Q1", p.BatteryIdentifier}, "datamatrix": {"]d1", p.BatteryIdentifier}, "gs1datamatrix": {"]d2", "0109521100000116" + "21" + serial}}
	resolutions := []int{203, 300, 600}
	var pictures []string
	for kind := range kinds {
		pictures = append(pictures, write(kind+".png", s.passport.Call("GET /api/passports/"+p.ID+"/carrier?dpi=203&text=true&format=png&type="+kind, admin.Token, nil).Want(200, nil).Text))
		sheet := write(kind+".pdf", s.passport.Call("POST /api/passports/labels", admin.Token, fmt.Sprintf(`{"ids":[%q,%q,%q],"type":%q,"cropMarks":true}`, p.ID, p.ID, p.ID, kind)).Want(200, nil).Text)
		output(t, "", "pdftoppm", "-r", "203", "-png", "-singlefile", sheet, filepath.Join(dir, kind+"-sheet"))
		pictures = append(pictures, filepath.Join(dir, kind+"-sheet.png"))
		for _, dpi := range resolutions {
			name := fmt.Sprintf("%s-%d.zpl", kind, dpi)
			write(name, s.passport.Call("POST /api/passports/labels", admin.Token, fmt.Sprintf(`{"ids":[%q],"type":%q,"format":"zpl","dpi":%d}`, p.ID, kind, dpi)).Want(200, nil).Text)
			pictures = append(pictures, filepath.Join(dir, name+".png"))
		}
	}
	sizesByOthers(t, dir, []symbolOrder{})
	for name, codes := range readCodes(t, pictures...) {
		kind := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '-' })[0]
		want := 1
		if strings.Contains(name, "sheet") {
			want = 3
		}
		if len(codes) != want {
			t.Errorf("%s: got %d codes, want %d", name, len(codes), want)
		}
		for _, c := range codes {
			if c != kinds[kind] {
				t.Errorf("%s: got %+v, want %+v", name, c, kinds[kind])
			}
		}
	}
	for _, name := range []string{"qr.png", "qr-sheet.png", "qr-203.zpl.png", "qr-300.zpl.png", "qr-600.zpl.png"} {
		out := output(t, "", "zbarimg", "--quiet", "--raw", "--nodbus", filepath.Join(dir, name))
		if lines := strings.Fields(out); len(lines) == 0 || lines[0] != p.BatteryIdentifier {
			t.Errorf("ZBar reads %q in %s", out, name)
		}
	}
}

// randomIdentifiers returns battery identifiers as makers may have them: Digital Links with
// serial numbers of any characters that GS1 allows, and other addresses.
func randomIdentifiers(n int) (identifiers []string) {
	random := rand.New(rand.NewPCG(16, 2027))
	pick := func(alphabet string, most int) string {
		b := make([]byte, 1+random.IntN(most))
		for i := range b {
			b[i] = alphabet[random.IntN(len(alphabet))]
		}
		return string(b)
	}
	const digits, upper, lower = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
	serials := []string{digits, upper, digits + upper, digits + upper + "-./", digits + upper + lower, digits + upper + lower + `!"%&'()*+,-./:;<=>?_`}
	hosts := []string{"https://id.example", "https://a.example", "https://nordlicht-batterien.example/passport", "HTTPS://ID.EXAMPLE", "https://127.0.0.1:5000"}
	seen := map[string]bool{} // serial numbers
	for len(identifiers) < n {
		host := hosts[random.IntN(len(hosts))]
		if len(identifiers)%8 == 7 {
			identifiers = append(identifiers, host+"/p/"+pick(digits+upper+lower+"-_", 60))
			continue
		}
		if serial := pick(serials[random.IntN(len(serials))], 20); !seen[serial] {
			seen[serial] = true
			identifiers = append(identifiers, host+"/01/09521100000116/21/"+url.PathEscape(serial))
		}
	}
	return identifiers
}

// TestSymbolsAreAsSmallAsThoseOfOthers compares symbols with those of bwip-js, which
// switches between modes, and reads them with zxing-cpp.
func TestSymbolsAreAsSmallAsThoseOfOthers(t *testing.T) {
	judges(t)
	s := start(t, config(t))
	admin := s.register("admin@nlb.example", "admin")
	dir := t.TempDir()
	var orders []symbolOrder
	var sizes []int
	var pictures []string
	want := map[string]string{}
	for i, identifier := range randomIdentifiers(200) {
		var p passport
		body, _ := json.Marshal(map[string]any{"data": map[string]any{"generalInformation": map[string]any{"batteryIdentifier": identifier}}})
		s.passport.Call("POST /api/passports", admin.Token, string(body)).Want(201, &p)
		_, serial, isLink := strings.Cut(identifier, "/21/")
		serial, _ = url.PathUnescape(serial)
		for kind, text := range map[string]string{"qr": identifier, "datamatrix": identifier, "gs1datamatrix": "0109521100000116" + "21" + serial} {
			if kind == "gs1datamatrix" && !isLink {
				continue
			}
			order := symbolOrder{kind, text, "Q"}
			if kind == "gs1datamatrix" {
				order.Text = "(01)09521100000116(21)" + strings.ReplaceAll(serial, "(", "^040") // the syntax of bwip-js
			}
			carrier := "GET /api/passports/" + p.ID + "/carrier?type=" + kind
			orders, sizes = append(orders, order), append(sizes, sizeOf(t, kind, s.passport.Call(carrier, admin.Token, nil).Want(200, nil).Text))
			picture := fmt.Sprintf("%s-%d.png", kind, i)
			if err := os.WriteFile(filepath.Join(dir, picture), []byte(s.passport.Call(carrier+"&format=png&dpi=203", admin.Token, nil).Want(200, nil).Text), 0o600); err != nil {
				t.Fatal(err)
			}
			pictures, want[picture] = append(pictures, filepath.Join(dir, picture)), text
		}
	}
	smaller := 0
	for i, theirs := range sizesByOthers(t, dir, orders) {
		if sizes[i] > theirs {
			t.Errorf("%+v: got %d modules, bwip-js needs %d", orders[i], sizes[i], theirs)
		} else if sizes[i] < theirs {
			smaller++
		}
	}
	t.Logf("%d symbols; %d are smaller than those of bwip-js", len(sizes), smaller)
	for name, codes := range readCodes(t, pictures...) {
		if len(codes) != 1 || codes[0].Text != want[name] {
			t.Errorf("%s: got %+v, want %q", name, codes, want[name])
		}
	}
}
