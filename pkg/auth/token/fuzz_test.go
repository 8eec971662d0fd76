package token_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/fault"
)

// FuzzVerify alters a valid token of each algorithm and its Authorization header. Only
// the unaltered token may be accepted, and with its own claims.
func FuzzVerify(f *testing.F) {
	issuer := authtest.New(f)
	algorithms := []struct {
		config token.Config
		key    token.Key
	}{
		{token.Config{URL: issuer.URL}, issuer.Key},
		{token.Config{Secret: secret, URL: issuer.URL}, token.Key{Secret: []byte(secret)}},
	}
	verifiers, valid := make([]*token.Verifier, len(algorithms)), make([]string, len(algorithms))
	for i, a := range algorithms {
		signed, err := a.key.Sign(token.NewClaims(ann, now, time.Hour))
		if err != nil {
			f.Fatal(err)
		}
		verifiers[i], valid[i] = verifier(f, a.config), signed
		for _, forgery := range authtest.Forgeries(f, a.key, now) {
			f.Add(i == 0, "Bearer ", forgery.Token)
		}
	}
	// The valid token differs between runs, so seeds contain the bytes 1, 2 and 3 in
	// place of its three parts.
	for _, seed := range []string{
		"\x01.\x02.\x03", "\x01.\x02.\x03=", "\x01.\x02.\x03 ", "\x01=.\x02.\x03", "\x01.\x02.\x03.\x03", "\x01.\x02.", "\x01..\x03", "\x01.e30.\x03",
		"eyJhbGciOiJub25lIn0.\x02.", "eyJraWQiOiJ4In0.\x02.\x03", "Bearer \x01.\x02.\x03", "\x01\n.\x02.\x03", "\x01.\x02.A\x03", "\x02.\x02.\x03",
	} {
		f.Add(true, "Bearer ", seed)
		f.Add(false, "bearer ", seed)
	}
	f.Add(true, "Basic ", "\x01.\x02.\x03")
	f.Fuzz(func(t *testing.T, publicKey bool, scheme, text string) {
		i := 1
		if publicKey {
			i = 0
		}
		parts := strings.Split(valid[i], ".")
		header := scheme + strings.NewReplacer("\x01", parts[0], "\x02", parts[1], "\x03", parts[2]).Replace(text)
		p, err := verifiers[i].Verify(t.Context(), header)
		switch unaltered := strings.EqualFold(scheme, "Bearer ") && header[len(scheme):] == valid[i]; {
		case unaltered && (err != nil || !reflect.DeepEqual(p, ann)):
			t.Fatalf("Verify of the valid token = %+v, %v, want %+v", p, err, ann)
		case !unaltered && (!fault.Is(err, fault.Unauthenticated) || !reflect.DeepEqual(p, auth.Principal{})):
			t.Fatalf("Verify(%q) = %+v, %v, want unauthenticated", header, p, err)
		}
	})
}
