package document

import (
	"fmt"

	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

var english = message.NewPrinter(language.English)

// sizeText returns a size for people, such as "10 MiB (10,485,760 bytes)".
func sizeText(size int64) string {
	text := english.Sprintf("%d bytes", size)
	const mebibyte, gibibyte = 1 << 20, 1 << 30
	switch {
	case size >= gibibyte && size%gibibyte == 0:
		return fmt.Sprintf("%d GiB (%s)", size/gibibyte, text)
	case size >= mebibyte && size%mebibyte == 0:
		return fmt.Sprintf("%d MiB (%s)", size/mebibyte, text)
	}
	return text
}
