package carrier

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

const millimetresPerInch = 25.4

// Picture is a symbol with its quiet zone, and how to draw it.
type Picture struct {
	Symbol
	Millimetres            float64 // width; 0: modules of 0.5 mm
	DPI                    int     // of a PNG
	Foreground, Background Colour
	Text                   string // shown below the symbol; empty: none
	AccessibleName         string // of an SVG
	lines                  []string
}

// Colour is an RGB colour.
type Colour color.RGBA

// ParseColour parses six hexadecimal digits, such as 1a2b3c.
func ParseColour(text string) (Colour, error) {
	n, err := strconv.ParseUint(text, 16, 32)
	if err != nil || len(text) != 6 {
		return Colour{}, fmt.Errorf("must have six hexadecimal digits, got %q", text)
	}
	return Colour{R: uint8(n >> 16), G: uint8(n >> 8), B: uint8(n), A: 255}, nil
}

func (c Colour) hex() string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// reflectance is the share of light that a surface of the colour reflects (relative
// luminance of sRGB).
func (c Colour) reflectance() float64 {
	linear := func(v uint8) float64 {
		if s := float64(v) / 255; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return float64(v) / 255 / 12.92
	}
	return 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
}

// minContrast is the symbol contrast of grade 3 in ISO/IEC 15415.
const minContrast = 0.55

// CheckContrast returns an error if readers may not recognise the symbol in these
// colours.
func CheckContrast(foreground, background Colour) error {
	if contrast := background.reflectance() - foreground.reflectance(); contrast < minContrast {
		return fmt.Errorf("the background must be at least %.0f %% lighter than the symbol (ISO/IEC 15415, grade 3), got %.0f %%", 100*minContrast, 100*contrast)
	}
	return nil
}

func (p Picture) withDefaults() Picture {
	if p.Millimetres == 0 {
		p.Millimetres = float64(p.Width()) / 2
	}
	p.lines = wrap(p.Text, characters(charactersOfLine))
	return p
}

// The characters of gomono and of usual monospaced fonts are 0.6 em wide.
const characterWidth, lineHeight, charactersOfLine = 0.6, 1.3, 26

// fontSize is in modules, so that a line fills the width of the symbol.
func (p Picture) fontSize() float64 {
	return float64(p.Size) / (characterWidth * charactersOfLine)
}

// height is in modules.
func (p Picture) height() float64 {
	return float64(p.Width()) + float64(len(p.lines))*p.fontSize()*lineHeight
}

// WriteSVG writes the picture as SVG.
func (p Picture) WriteSVG(w io.Writer) error {
	p = p.withDefaults()
	var b bytes.Buffer
	number := func(f float64) string { return strconv.FormatFloat(math.Round(f*1000)/1000, 'f', -1, 64) }
	width, height := float64(p.Width()), p.height()
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%smm" height="%smm" viewBox="0 0 %s %s" role="img"><title>`,
		number(p.Millimetres), number(p.Millimetres*height/width), number(width), number(height))
	xml.EscapeText(&b, []byte(p.AccessibleName))
	fmt.Fprintf(&b, `</title><path fill="%s" d="M0 0h%sv%sH0z"/><path fill="%s" shape-rendering="crispEdges" d="`, p.Background.hex(), number(width), number(height), p.Foreground.hex())
	b.Write(p.path())
	b.WriteString(`"/>`)
	for i, line := range p.lines {
		y := width - float64(p.Quiet)/2 + (float64(i)+0.75)*p.fontSize()*lineHeight
		fmt.Fprintf(&b, `<text x="%s" y="%s" font-family="ui-monospace,monospace" font-size="%s" text-anchor="middle" fill="%s">`, number(width/2), number(y), number(p.fontSize()), p.Foreground.hex())
		xml.EscapeText(&b, []byte(line))
		b.WriteString("</text>")
	}
	b.WriteString("</svg>\n")
	_, err := w.Write(b.Bytes())
	return err
}

// path returns the dark modules as a path of SVG.
func (p Picture) path() []byte {
	runs := p.Runs()
	path := make([]byte, 0, 20*len(runs)) // more than most have
	for _, run := range runs {
		path = strconv.AppendInt(append(path, 'M'), int64(run.X+p.Quiet), 10)
		path = strconv.AppendInt(append(path, ' '), int64(run.Y+p.Quiet), 10)
		path = strconv.AppendInt(append(path, 'h'), int64(run.Length), 10)
		path = strconv.AppendInt(append(path, "v1h-"...), int64(run.Length), 10)
		path = append(path, 'z')
	}
	return path
}

// WritePNG writes the picture as PNG with its resolution. Modules have a whole number of
// pixels. It fails if they would have none, or if the picture would be higher than
// maxPixels; it is at least as high as wide.
func (p Picture) WritePNG(w io.Writer, maxPixels int) error {
	p = p.withDefaults()
	perModule := int(p.Millimetres / millimetresPerInch * float64(p.DPI) / float64(p.Width()))
	if perModule < 1 {
		return fmt.Errorf("a symbol of %d modules does not fit into %g mm at %d dpi: it needs at least %.1f mm",
			p.Width(), p.Millimetres, p.DPI, float64(p.Width())*millimetresPerInch/float64(p.DPI))
	}
	if pixels := perModule * int(p.height()+1); pixels > maxPixels {
		return fmt.Errorf("a picture of %g mm at %d dpi would be %d pixels high, and must be at most %d", p.Millimetres, p.DPI, pixels, maxPixels)
	}
	scale := float64(perModule)
	palette := color.Palette{color.RGBA(p.Background), color.RGBA(p.Foreground)}
	picture := image.NewPaletted(image.Rect(0, 0, p.Width()*perModule, int(p.height()*scale)), palette)
	for _, run := range p.Runs() {
		x, y := (run.X+p.Quiet)*perModule, (run.Y+p.Quiet)*perModule
		draw.Draw(picture, image.Rect(x, y, x+run.Length*perModule, y+perModule), image.NewUniform(palette[1]), image.Point{}, draw.Src)
	}
	if err := p.drawText(picture, scale); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, picture); err != nil {
		return err
	}
	_, err := w.Write(withResolution(b.Bytes(), p.DPI))
	return err
}

func (p Picture) drawText(picture draw.Image, scale float64) error {
	parsed, err := opentype.Parse(gomono.TTF)
	if err != nil {
		return err
	}
	face, err := opentype.NewFace(parsed, &opentype.FaceOptions{Size: p.fontSize() * scale, DPI: 72, Hinting: font.HintingFull})
	if err != nil {
		return err
	}
	for i, line := range p.lines {
		y := float64(p.Width()) - float64(p.Quiet)/2 + (float64(i)+0.75)*p.fontSize()*lineHeight
		d := font.Drawer{Dst: picture, Src: image.NewUniform(color.RGBA(p.Foreground)), Face: face}
		d.Dot = fixed.Point26_6{X: (fixed.I(picture.Bounds().Dx()) - d.MeasureString(line)) / 2, Y: fixed.Int26_6(y * scale * 64)}
		d.DrawString(line)
	}
	return nil
}

// withResolution inserts the chunk pHYs after the header of a PNG (PNG, 11.3.4.3), which
// image/png does not write. Without it a print has the wrong size.
func withResolution(picture []byte, dpi int) []byte {
	const endOfHeader = 8 + 4 + 4 + 13 + 4
	perMetre := uint32(math.Round(float64(dpi) * 1000 / millimetresPerInch))
	chunk := append([]byte("pHYs"), make([]byte, 9)...)
	binary.BigEndian.PutUint32(chunk[4:], perMetre)
	binary.BigEndian.PutUint32(chunk[8:], perMetre)
	chunk[12] = 1
	var b strings.Builder
	b.Write(picture[:endOfHeader])
	binary.Write(&b, binary.BigEndian, uint32(9))
	b.Write(chunk)
	binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(chunk))
	b.Write(picture[endOfHeader:])
	return []byte(b.String())
}
