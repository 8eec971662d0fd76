package documentd_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

func TestLifeOfADocument(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		maker := s.as(auth.User, "A")
		sum := sha256.Sum256([]byte(pdf))
		d := s.upload(maker, field{name: "description", value: "zwölf"}, file("Müll.pdf", "application/pdf", pdf), field{name: "kind", value: "test-report"})
		t.Logf("%+v", d)
		if d.SHA256 != hex.EncodeToString(sum[:]) {
			t.Error(d.SHA256)
		}
		a := s.Call("GET /api/documents/"+d.DocID+"/content", maker, nil).Want(200, nil)
		t.Logf("%v %q", a.Header, a.Text)
		s.Call("GET /api/documents/"+d.DocID, maker, nil).Want(200, &d)
		t.Log(d.DownloadURL)
	})
}
