package session

import (
	"bytes"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/fault"
)

// FuzzParse: parse accepts exactly the tokens that encode returns for the same key. A
// change of a bit, the length or the spelling is refused.
func FuzzParse(f *testing.F) {
	key := []byte("the key of this service")
	good := refreshToken{session: [idSize]byte{1, 2, 3}, secret: [secretSize]byte{4, 5, 6}}
	text := good.encode(key)
	for _, seed := range []string{
		text, "", text[:len(text)-1], text + "A", text + "=", text + "\n", " " + text, strings.ToLower(text), text[:len(text)-1] + "_",
		good.encode([]byte("the key of another service")), good.successor(key, nil).encode(key), strings.Repeat("A", len(text)), "none", "a.b.c",
		encoding.EncodeToString(bytes.Repeat([]byte{0xff}, idSize+secretSize+tagSize)), strings.NewReplacer("-", "+", "_", "/").Replace(text),
	} {
		f.Add(seed, 0)
		f.Add(seed, 77)
	}
	f.Fuzz(func(t *testing.T, sent string, bit int) {
		got, err := parse(key, sent)
		if err == nil && got.encode(key) != sent {
			t.Errorf("parse accepts %q as %q", sent, got.encode(key))
		}
		if err != nil && !fault.Is(err, fault.Unauthenticated) {
			t.Errorf("parse(%q) = %v", sent, err)
		}
		// Any content is valid with its tag, and invalid after the change of a bit.
		var valid refreshToken
		copy(valid.secret[copy(valid.session[:], sent):], sent[min(len(sent), idSize):])
		if got, err := parse(key, valid.encode(key)); err != nil || got != valid {
			t.Errorf("parse of a token = %+v, %v, want %+v", got, err, valid)
		}
		data, err := encoding.DecodeString(valid.encode(key))
		if err != nil {
			t.Fatal(err)
		}
		i := int(uint(bit) % uint(8*len(data)))
		data[i/8] ^= 1 << (i % 8)
		if _, err := parse(key, encoding.EncodeToString(data)); err == nil {
			t.Errorf("parse accepts a token with bit %d changed", i)
		}
	})
}
