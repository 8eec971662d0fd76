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

// FuzzVerify alters a good token of each kind and the header it comes in. What
// counts is that token and nothing else, and it counts as what it says.
func FuzzVerify(f *testing.F) {
	issuer := authtest.New(f)
	kinds := []struct {
		config token.Config
		key    token.Key
	}{
		{token.Config{URL: issuer.URL}, issuer.Key},
		{token.Config{Secret: secret}, token.Key{Secret: []byte(secret)}},
	}
	verifiers, good := make([]*token.Verifier, len(kinds)), make([]string, len(kinds))
	for i, k := range kinds {
		signed, err := k.key.Sign(token.NewClaims(ann, now, time.Hour))
		if err != nil {
			f.Fatal(err)
		}
		verifiers[i], good[i] = verifier(f, k.config), signed
		for _, forgery := range authtest.Forgeries(f, k.key, now) {
			f.Add(i == 0, "Bearer ", forgery.Token)
		}
	}
	// The good token is another each time that the fuzzing starts: 1, 2 and 3, as
	// bytes, stand for its parts.
	for _, seed := range []string{
		"\x01.\x02.\x03", "\x01.\x02.\x03=", "\x01.\x02.\x03 ", "\x01=.\x02.\x03", "\x01.\x02.\x03.\x03", "\x01.\x02.", "\x01..\x03", "\x01.e30.\x03",
		"eyJhbGciOiJub25lIn0.\x02.", "eyJraWQiOiJ4In0.\x02.\x03", "Bearer \x01.\x02.\x03", "\x01\n.\x02.\x03", "\x01.\x02.A\x03", "\x02.\x02.\x03",
	} {
		f.Add(true, "Bearer ", seed)
		f.Add(false, "bearer ", seed)
	}
	f.Add(true, "Basic ", "\x01.\x02.\x03")
	f.Fuzz(func(t *testing.T, signed bool, scheme, text string) {
		i := 1
		if signed {
			i = 0
		}
		parts := strings.Split(good[i], ".")
		header := scheme + strings.NewReplacer("\x01", parts[0], "\x02", parts[1], "\x03", parts[2]).Replace(text)
		p, err := verifiers[i].Verify(t.Context(), header)
		switch counts := strings.EqualFold(scheme, "Bearer ") && header[len(scheme):] == good[i]; {
		case counts && (err != nil || !reflect.DeepEqual(p, ann)):
			t.Fatalf("the good token is %+v, %v", p, err)
		case !counts && (!fault.Is(err, fault.Unauthenticated) || !reflect.DeepEqual(p, auth.Principal{})):
			t.Fatalf("%q is %+v, %v", header, p, err)
		}
	})
}
