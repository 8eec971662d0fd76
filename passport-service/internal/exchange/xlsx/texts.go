package xlsx

import (
	"bufio"
	"encoding/binary"
	"encoding/xml"
	"strconv"

	"github.com/battery-passport/suite/passport-service/internal/tempfile"
)

// texts are the shared strings of a workbook. They are in temporary files, because there
// may be millions.
type texts struct {
	data, index tempfile.File // index has the end of each text in data, with 8 bytes
	count       int64
	cache       map[int64]string
}

// Limits of the cache of shared strings.
const (
	maxCached     = 4_000
	maxCachedText = 1_000 // bytes
)

func (t *texts) close() {
	for _, f := range []tempfile.File{t.data, t.index} {
		if f.File != nil {
			f.Close()
		}
	}
}

func (w *Workbook) loadTexts() (err error) {
	w.texts = &texts{cache: map[int64]string{}}
	for _, f := range []*tempfile.File{&w.texts.data, &w.texts.index} {
		if *f, err = tempfile.Create(); err != nil {
			return err
		}
	}
	data, index := bufio.NewWriterSize(w.texts.data, 64<<10), bufio.NewWriter(w.texts.index)
	end := uint64(0)
	err = w.each("xl/sharedStrings.xml", func(dec *decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		text, err := dec.text("si")
		if err == nil {
			_, err = data.WriteString(text)
		}
		if err != nil {
			return err
		}
		end += uint64(len(text))
		w.texts.count++
		_, err = index.Write(binary.BigEndian.AppendUint64(nil, end))
		return err
	})
	if err == nil {
		err = data.Flush()
	}
	if err == nil {
		err = index.Flush()
	}
	return err
}

// get returns a shared string.
func (t *texts) get(reference string) (string, error) {
	i, err := strconv.ParseInt(reference, 10, 64)
	if err != nil || i < 0 || i >= t.count {
		return "", malformed("the shared string %.20q is missing", reference)
	}
	if text, ok := t.cache[i]; ok {
		return text, nil
	}
	var ends [16]byte
	begin := uint64(0)
	if i == 0 {
		_, err = t.index.ReadAt(ends[8:], 0)
	} else if _, err = t.index.ReadAt(ends[:], 8*(i-1)); err == nil {
		begin = binary.BigEndian.Uint64(ends[:8])
	}
	if err != nil {
		return "", tempfile.Failure(err)
	}
	text := make([]byte, binary.BigEndian.Uint64(ends[8:])-begin)
	if _, err := t.data.ReadAt(text, int64(begin)); err != nil {
		return "", tempfile.Failure(err)
	}
	if len(t.cache) >= maxCached {
		clear(t.cache)
	}
	if len(text) <= maxCachedText {
		t.cache[i] = string(text)
	}
	return string(text), nil
}
