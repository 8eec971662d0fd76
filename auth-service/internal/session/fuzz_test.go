package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
)

// FuzzParse: a refresh token is taken where it was given out here: with the key,
// what is read is what the text was made of. Anything else is refused, also what
// differs from a good one in a bit, its end or its spelling.
func FuzzParse(f *testing.F) {
	key := []byte("the key of this suite, which others do not have")
	good := refreshToken{session: [idSize]byte{1, 2, 3}, secret: [secretSize]byte{4, 5, 6}}
	text := good.text(key)
	for _, seed := range []string{
		text, "", text[:len(text)-1], text + "A", text + "=", text + "\n", " " + text, strings.ToLower(text), text[:len(text)-1] + "_",
		good.text([]byte("the key of another")), good.successor(key, nil).text(key), strings.Repeat("A", len(text)), "none", "a.b.c",
		encoding.EncodeToString(bytes.Repeat([]byte{0xff}, idSize+secretSize+tagSize)), strings.NewReplacer("-", "+", "_", "/").Replace(text),
	} {
		f.Add(seed, 0)
		f.Add(seed, 77)
	}
	f.Fuzz(func(t *testing.T, sent string, bit int) {
		got, err := parse(key, sent)
		if err == nil && got.text(key) != sent {
			t.Errorf("%q is taken for %q", sent, got.text(key))
		}
		if err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("parse(%q) = %v", sent, err)
		}
		// With its tag, whatever a token holds is one; with another bit it is none.
		var made refreshToken
		copy(made.secret[copy(made.session[:], sent):], sent[min(len(sent), idSize):])
		if got, err := parse(key, made.text(key)); err != nil || got != made {
			t.Errorf("parse of a token = %+v, %v, want %+v", got, err, made)
		}
		data, err := encoding.DecodeString(made.text(key))
		if err != nil {
			t.Fatal(err)
		}
		i := int(uint(bit) % uint(8*len(data)))
		data[i/8] ^= 1 << (i % 8)
		if _, err := parse(key, encoding.EncodeToString(data)); err == nil {
			t.Errorf("it is taken with another bit %d", i)
		}
	})
}
