package exchange_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/exchange"
	"github.com/battery-passport/suite/passport-service/internal/format"
	"github.com/battery-passport/suite/pkg/fault"
)

// faulty is a format that panics for the document "panic".
type faulty struct{ format.Format }

func (faulty) Split(document []byte) ([][]byte, error) { return [][]byte{document}, nil }

func (faulty) Decode(document []byte) ([][]byte, []format.Loss, error) {
	if string(document) == `{"panic":1}` {
		panic("x")
	}
	return [][]byte{document}, nil, nil
}

// TestPanicIsInvalidRow reads documents that make a format panic. The others must be read, and the first panic be logged.
func TestPanicIsInvalidRow(t *testing.T) {
	documents, err := exchange.NDJSON(strings.NewReader("{\"panic\":1}\n{\"a\":1}\n{\"panic\":1}\n{\"a\":2}\n"), 10)
	if err != nil {
		t.Fatal(err)
	}
	var logged []error
	rows, got := exchange.Foreign(documents, faulty{}, func([]byte) string { return "" }, func(err error) { logged = append(logged, err) }), []string{}
	for {
		r, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		row := string(r.Body)
		for _, e := range r.Errors {
			row += e.Code
		}
		got = append(got, row)
	}
	if want := `internal {"data":{"a":1}} internal {"data":{"a":2}}`; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p, ok := errors.AsType[*fault.Panic](errors.Join(logged...)); len(logged) != 1 || !ok || !strings.Contains(string(p.Stack), "faulty") {
		t.Errorf("logged %v", logged)
	}
}
