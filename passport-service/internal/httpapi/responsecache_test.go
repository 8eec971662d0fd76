package httpapi_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

var readPassports = flag.Int("passports", 2_000, "passports of TestReadsOfManyPassportsNeedBoundedMemory")

// publish publishes a sample and returns its id.
func (s *testService) publish(name string, ops ...string) string {
	s.t.Helper()
	var p struct{ ID string }
	if err := json.Unmarshal([]byte(s.mustDo(201, "POST /api/passports", auth.Operator, body(s.t, name, ops...))), &p); err != nil {
		s.t.Fatal(err)
	}
	s.mustDo(200, "POST /api/passports/"+p.ID+"/publish", auth.Operator, "")
	return p.ID
}

// TestPassportIsArchivedDuringARead archives a passport after a read has found its version.
// A reader without access to the archived passport gets the answer from before the archiving,
// if it is in the cache, or 410; from then on, always 410.
func TestPassportIsArchivedDuringARead(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		role auth.Role
		warm bool
		want int
	}{
		"signed in, cached":       {"GET /api/passports/", auth.User, true, 200},
		"signed in, not cached":   {"GET /api/passports/", auth.User, false, 410},
		"without a login, cached": {"GET /api/public/passports/", "", true, 200},
		"without a login":         {"GET /api/public/passports/", "", false, 410},
		"owner, cached":           {"GET /api/passports/", auth.Operator, true, 200},
		"owner":                   {"GET /api/passports/", auth.Operator, false, 200},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestService(t, nil)
			route := c.path + s.publish("ev-nmc-complete.json")
			if c.warm {
				s.mustDo(200, route, c.role, "")
			}
			archive := func() {
				s.mustDo(200, "POST /api/passports/"+route[strings.LastIndex(route, "/")+1:]+"/archive", auth.Operator, `{"reason":"recalled"}`)
			}
			s.pauses.Store(&archive)
			first := s.mustDo(c.want, route, c.role, "")
			for range 2 {
				if c.role != auth.Operator {
					s.mustDo(410, route, c.role, "")
				} else if text := s.mustDo(200, route, c.role, ""); !strings.Contains(text, `"state":"archived"`) || c.warm == (first == text) {
					t.Errorf("after archiving: got %.200s", text)
				}
			}
			if s.pauses.Load() != nil {
				t.Error("the passport was not archived during the read")
			}
		})
	}
}

// TestReadsOfManyPassportsNeedBoundedMemory reads different published passports once each:
// the cache of 1 MiB keeps the last ones, and the memory does not grow by much more than that.
func TestReadsOfManyPassportsNeedBoundedMemory(t *testing.T) {
	s := newTestService(t, nil)
	template, err := s.passports.Passports.Get(t.Context(), s.publish("ev-nmc-complete.json"))
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]string, *readPassports)
	for begin := 0; begin < len(ids); begin += 100 {
		writes := make([]store.Write[passport.Passport], min(100, len(ids)-begin))
		for i := range writes {
			p := template.Doc
			p.ID = fmt.Sprintf("01a20000-0000-7000-8000-1%011d", begin+i)
			p.BatteryIdentifier = "https://a.example/" + strconv.Itoa(begin+i)
			data := strings.NewReplacer(template.Doc.BatteryIdentifier, p.BatteryIdentifier, "urn:uuid:"+template.Doc.ID, "urn:uuid:"+p.ID, "urn:uuid:6a2f6c1e-3f0b-4d55-9c1e-5f1a7d2b8e01", "urn:uuid:"+p.ID).Replace(string(p.Head.Data))
			p = passport.Passport{ID: p.ID, BatteryIdentifier: p.BatteryIdentifier, CreatedAt: p.CreatedAt, CreatedBy: p.CreatedBy, Head: p.Head}
			p.Head.PassportID, p.Head.Data = p.ID, wire.Value(data)
			writes[i] = store.Write[passport.Passport]{ID: p.ID, Doc: p}
			ids[begin+i] = p.ID
		}
		errs, err := s.passports.Passports.InsertMany(t.Context(), writes)
		if err != nil || errs[0] != nil {
			t.Fatal(err, errs[0])
		}
	}
	read := func(ids []string) (heap uint64) {
		for i, id := range ids {
			s.mustDo(200, []string{"GET /api/passports/", "GET /api/public/passports/"}[i%2]+id, auth.Operator, "")
		}
		s.log.reset()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := read(ids[:50])
	after := read(ids[50:])
	if grown := int64(after) - int64(before); grown > 3<<20 {
		t.Errorf("after reads of %d passports: the heap has grown by %d KiB, want 3 MiB at most", len(ids), grown>>10)
	}
}
