package passportd_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
	"github.com/battery-passport/suite/pkg/waittest"
)

// wantQuota fails the test unless a response is 507 with the texts.
func wantQuota(t *testing.T, status int, text string, wants ...string) {
	t.Helper()
	if status != http.StatusInsufficientStorage {
		t.Fatalf("got %d %s, want 507", status, text)
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("got %s, want %q", text, want)
		}
	}
}

// TestQuotaOfPassports creates passports up to the quota. Other owners, repeated requests and
// other operations are not concerned; deleted drafts do not count after their removal.
func TestQuotaOfPassports(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		var ahead atomic.Int64
		s := startConfigured(t, passportd.Config{Store: db, OrgPassports: 3, UserPassports: 1, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}, authtest.New(t))
		operator, admin := s.as(auth.Operator, "a"), s.as(auth.Admin, "")
		var ids []string
		for i := range 2 {
			ids = append(ids, s.create(operator, fmt.Sprintf(`{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/%d"}}}`, i)).ID)
		}
		id, _ := s.createWithKey(operator, "k", `{"data":{}}`)
		full := s.Call("POST /api/passports", operator, `{"data":{}}`)
		wantQuota(t, full.Status, full.Text, "the organisation has 3 passports, the maximum is 3; this adds 1", `"path":"/data","code":"quota"`)
		if again, replayed := s.createWithKey(operator, "k", `{"data":{}}`); again != id || !replayed {
			t.Errorf("repeated request: got %s, replayed %v", again, replayed)
		}
		s.Call("POST /api/passports", operator, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/0"}}}`).WantProblem(409, identifierAt+" duplicate")
		s.Call("PATCH /api/passports/"+ids[0], operator, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, nil)
		s.create(s.as(auth.Operator, "b"), `{"data":{}}`)
		s.create(admin, `{"data":{}}`)
		full = s.Call("POST /api/passports", admin, `{"data":{}}`)
		wantQuota(t, full.Status, full.Text, "the account has 1 passport, the maximum is 1; this adds 1")

		s.Call("DELETE /api/passports/"+ids[0], operator, nil).Want(204, nil)
		ahead.Store(int64(3 * time.Minute))
		waittest.Until(t, "the deleted draft is not counted", func() bool { return s.Call("POST /api/passports", operator, `{"data":{}}`).Status == 201 })
	})
}

// TestQuotaOfVersions changes a passport until its owner has too many versions: further
// changes of data are refused, the ends of its life are not.
func TestQuotaOfVersions(t *testing.T) {
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, OrgVersions: 4, Now: sampleClock}, authtest.New(t))
	operator, admin := s.as(auth.Operator, "a"), s.as(auth.Admin, "")
	p := s.create(operator, sample(t, "lmt-ebike.json"))
	path := "/api/passports/" + p.ID
	change := func(token, value string) (int, string) {
		a := s.Call("PATCH "+path, token, `{"reason":"x","data":{"generalInformation":{"batchIdentifier":"`+value+`"}}}`)
		return a.Status, a.Text
	}
	for _, value := range []string{"1", "2", "3"} {
		if status, text := change(operator, value); status != 200 {
			t.Fatalf("got %d %s", status, text)
		}
	}
	if status, text := change(operator, "3"); status != 200 {
		t.Errorf("no change: got %d %s", status, text)
	}
	for _, token := range []string{operator, admin} {
		status, text := change(token, "4")
		wantQuota(t, status, text, "has 4 versions of passports, the maximum is 4; this adds 1")
	}
	status := s.Call("PUT "+path, operator, `{"data":{}}`)
	wantQuota(t, status.Status, status.Text)
	create := s.Call("POST /api/passports", operator, `{"data":{}}`)
	wantQuota(t, create.Status, create.Text)
	s.Call("POST "+path+"/publish", operator, nil).Want(200, nil)
	s.Call("POST "+path+"/archive", operator, `{"reason":"x"}`).Want(200, nil)
	s.Call("POST "+path+"/void", admin, `{"reason":"x"}`).Want(200, nil)
}

// TestQuotaOfBytes makes small changes of a large passport. Refused and failed writes do not
// count.
func TestQuotaOfBytes(t *testing.T) {
	s := startConfigured(t, passportd.Config{Store: connect.Config{Dir: t.TempDir()}, OrgBytes: 5_000}, authtest.New(t))
	operator := s.as(auth.Operator, "a")
	text := strings.Repeat("x", 2_000)
	p := s.create(operator, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","manufacturingPlace":"`+text+`"}}}`)
	for range 3 {
		s.Call("POST /api/passports", operator, `{"data":{"generalInformation":{"batteryIdentifier":"https://a.example/1","manufacturingPlace":"`+text+`"}}}`).WantProblem(409, identifierAt+" duplicate")
		s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":1}}}`, "If-Match", `"9"`).WantProblem(412)
	}
	s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":1}}}`).Want(200, nil)
	for range 3 {
		full := s.Call("PATCH /api/passports/"+p.ID, operator, `{"data":{"generalInformation":{"batteryMass":2}}}`)
		wantQuota(t, full.Status, full.Text, "bytes of passport data, the maximum is 5000; this adds 2106")
	}
	s.create(operator, `{"data":{}}`) // a small one fits
}

// TestConcurrentWritesStayWithinTheQuota sends many requests at the same time.
func TestConcurrentWritesStayWithinTheQuota(t *testing.T) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) {
		s := startConfigured(t, passportd.Config{Store: db, OrgPassports: 20, OrgVersions: 25}, authtest.New(t))
		operator := s.as(auth.Operator, "a")
		var wg sync.WaitGroup
		var created, refused atomic.Int64
		for range 60 {
			wg.Go(func() {
				switch a := s.Call("POST /api/passports", operator, `{"data":{}}`); a.Status {
				case 201:
					created.Add(1)
				case http.StatusInsufficientStorage:
					refused.Add(1)
				case http.StatusServiceUnavailable: // too many at the same time
				default:
					t.Errorf("got %d %s", a.Status, a.Text)
				}
			})
		}
		wg.Wait()
		for created.Load() < 20 {
			s.create(operator, `{"data":{}}`)
			created.Add(1)
		}
		full := s.Call("POST /api/passports", operator, `{"data":{}}`)
		wantQuota(t, full.Status, full.Text, "has 20 passports")
		if created.Load() != 20 {
			t.Errorf("created %d passports, want 20", created.Load())
		}
		// Concurrent changes of one passport run again when they conflict, and count once.
		p := s.all(operator)[0]
		var changed atomic.Int64
		for i := range 12 {
			wg.Go(func() {
				if a := s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)); a.Status == 200 {
					changed.Add(1)
				}
			})
		}
		if wg.Wait(); changed.Load() != 5 {
			t.Errorf("stored %d changes, want 5", changed.Load())
		}
	})
}

func (s *service) all(token string) []apiPassport {
	s.T.Helper()
	var page struct{ Items []apiPassport }
	s.Call("GET /api/passports?limit=200", token, nil).Want(200, &page)
	return page.Items
}

// TestUsageIsShared starts two instances on one database: each learns of the writes of the other.
// The usage survives a restart, and passports of an earlier release, without a usage, are
// counted with all of their versions.
func TestUsageIsShared(t *testing.T) {
	dir := t.TempDir()
	cfg := passportd.Config{Store: connect.Config{Dir: dir}, OrgVersions: 8}
	s := startConfigured(t, cfg, authtest.New(t))
	other := startConfigured(t, cfg, s.issuer)
	operator := s.as(auth.Operator, "a")
	refused := func(s *service) bool {
		return s.Call("POST /api/passports", operator, `{"data":{}}`).Status == http.StatusInsufficientStorage
	}
	p := s.create(operator, `{"data":{}}`)
	for i := range 5 {
		s.Call("PATCH /api/passports/"+p.ID, operator, fmt.Sprintf(`{"data":{"generalInformation":{"batteryMass":%d}}}`, i+1)).Want(200, nil)
	}
	waittest.Until(t, "both instances are full", func() bool { return refused(s) && refused(other) })
	// Each may reach the quota before it learns of the other.
	if versions := len(s.all(operator)) + 5; versions > 16 {
		t.Errorf("the quota was exceeded by far: %d versions", versions)
	}
	s.stop()
	other.stop()
	s = startConfigured(t, cfg, s.issuer)
	if !refused(s) {
		t.Error("the usage is lost after a restart")
	}
	s.stop()

	db := openDatabase(t, dir)
	exec(t, db, `DELETE FROM passport_usages`)
	exec(t, db, `DELETE FROM tasks WHERE id LIKE 'passport.count%'`)
	exec(t, db, `DELETE FROM tasks_list WHERE sort LIKE '%.passport.count%'`)
	var ahead atomic.Int64
	cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	s = startConfigured(t, cfg, s.issuer)
	s.create(operator, `{"data":{}}`)
	ahead.Store(int64(time.Minute)) // the count begins when all earlier writes are stored
	waittest.Until(t, "passports of the earlier release are counted", func() bool {
		full := s.Call("POST /api/passports", operator, `{"data":{}}`)
		return strings.Contains(full.Text, fmt.Sprintf("has %d versions of passports", len(s.all(operator))+5))
	})
}
