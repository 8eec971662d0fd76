package token_test

import (
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
	// An empty part stands for that of the good token, which is another each
	// time that the fuzzing starts.
	for _, seed := range []string{"..", "..x", "x..", ".e30.", "..=", ".. ", "eyJhbGciOiJub25lIn0..", "eyJraWQiOiJ4In0.."} {
		f.Add(true, "Bearer ", seed)
		f.Add(false, "bearer ", seed)
	}
	f.Add(true, "Basic ", "..")
	f.Fuzz(func(t *testing.T, signed bool, scheme, text string) {
		i := 1
		if signed {
			i = 0
		}
		header := scheme + filled(text, good[i])
		p, err := verifiers[i].Verify(t.Context(), header)
		switch counts := strings.EqualFold(scheme, "Bearer ") && header[len(scheme):] == good[i]; {
		case counts && (err != nil || p != ann):
			t.Fatalf("the good token is %+v, %v", p, err)
		case !counts && (!fault.Is(err, fault.Unauthenticated) || p != auth.Principal{}):
			t.Fatalf("%q is %+v, %v", header, p, err)
		}
	})
}

// filled puts parts of the good token where the text has none.
func filled(text, good string) string {
	parts, of := strings.Split(text, "."), strings.Split(good, ".")
	for i := range parts {
		if parts[i] == "" && len(parts) == len(of) {
			parts[i] = of[i]
		}
	}
	return strings.Join(parts, ".")
}
