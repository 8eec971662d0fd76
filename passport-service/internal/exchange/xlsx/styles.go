package xlsx

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/exchange/table"
)

// format is the number format of a cell.
type format struct {
	kind   table.Kind
	digits int // with which integers are shown at least
}

var (
	general = format{kind: table.NumberCell}
	date    = format{kind: table.DateCell}
	percent = format{kind: table.PercentCell}
)

// maxStyles limits the styles of cells and the number formats. Excel has 65,490 styles.
const maxStyles = 1 << 16

// loadStyles reads which styles show numbers as dates or percentages.
func (w *Workbook) loadStyles() error {
	custom, inCells := map[int]format{}, false
	return w.each("xl/styles.xml", func(_ *decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			if id, err := strconv.Atoi(attribute(e, "numFmtId")); err == nil {
				custom[id] = formatOf(attribute(e, "formatCode"))
			}
		case "cellXfs":
			inCells = true
		case "cellStyles", "dxfs":
			inCells = false
		case "xf":
			if inCells {
				id, _ := strconv.Atoi(attribute(e, "numFmtId")) // 0 is general
				f, ok := custom[id]
				if !ok {
					f = builtIn(id)
				}
				w.formats = append(w.formats, f)
			}
		}
		if len(w.formats) > maxStyles || len(custom) > maxStyles {
			return malformed("it has more than %d styles", maxStyles)
		}
		return nil
	})
}

// formatOfStyle returns the format of the cells with a style.
func (w *Workbook) formatOfStyle(style string) format {
	if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(w.formats) {
		return w.formats[i]
	}
	return general
}

// builtIn returns the format of a number format that files do not define.
func builtIn(n int) format {
	switch {
	case n == 9 || n == 10:
		return percent
	case n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58:
		return date
	}
	return general
}

var (
	// quotedParts are the parts of a format code that are shown as they are.
	quotedParts = regexp.MustCompile(`"[^"]*"|\\.|\[[^\]]*\]|_.|\*.`)
	zeros       = regexp.MustCompile(`^(?:\[[^\]]*\])*(0{2,30})(?:;.*)?$`) // such as 00000 for postal codes
	fractions   = regexp.MustCompile(`s\.0+`)                              // of seconds
)

func formatOf(code string) format {
	if m := zeros.FindStringSubmatch(code); m != nil {
		return format{table.NumberCell, len(m[1])}
	}
	code = fractions.ReplaceAllString(strings.ToLower(quotedParts.ReplaceAllString(code, "")), "s")
	switch {
	case strings.Contains(code, "%"):
		return percent
	case strings.Contains(code, "general") || strings.ContainsAny(code, "0#?"):
		return general
	case strings.ContainsAny(code, "ymdhs"):
		return date
	}
	return general
}
