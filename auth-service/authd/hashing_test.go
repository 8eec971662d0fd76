package authd_test

import (
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/battery-passport/suite/auth-service/authd"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// hashFlood keeps the password hashes of a service busy.
type hashFlood struct {
	*service
	hashed   atomic.Int64 // successful requests
	accounts atomic.Int64
	ended    atomic.Bool
	clients  sync.WaitGroup
}

// run sends requests of several clients in each of several networks until end.
func (f *hashFlood) run(format string, networks, perNetwork int, send func(client string, number int) resttest.Response) {
	for i := range networks * perNetwork {
		f.clients.Go(func() {
			for !f.ended.Load() {
				f.count(send(fmt.Sprintf(format, i/perNetwork), i))
			}
		})
	}
}

func (f *hashFlood) end() {
	f.ended.Store(true)
	f.clients.Wait()
}

func (f *hashFlood) count(a resttest.Response) {
	switch a.Status {
	case http.StatusOK, http.StatusCreated:
		f.hashed.Add(1)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 {
			f.T.Errorf("%d with Retry-After %q", a.Status, a.Header.Get("Retry-After"))
		}
		time.Sleep(200 * time.Millisecond) // the rate of the flood
	default:
		f.T.Errorf("request of the flood = %d: %s", a.Status, a.Text)
	}
}

// login logs in with the account of the network, without a device.
func (f *hashFlood) login(client string, _ int) resttest.Response {
	return f.loginFrom(client, client+"@x.example", "correct horse", "")
}

func (f *hashFlood) registration(client string, _ int) resttest.Response {
	body := fmt.Sprintf(`{"email":"new%d@x.example","password":"correct horse"}`, f.accounts.Add(1))
	return f.Call("POST /api/auth/register", "", body, "X-Forwarded-For", client)
}

// TestHashFloodDoesNotDelayOtherNetworks: whatever some networks hash with correct passwords
// and registrations, each login from a quiet network succeeds after a few hashes of theirs.
func TestHashFloodDoesNotDelayOtherNetworks(t *testing.T) {
	if isRace {
		t.Skip("hashes many passwords, which takes ten times as long with the race detector")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2)) // one password is hashed at a time
	for name, c := range map[string]struct {
		logins, devices, registrations int // networks
		perNetwork                     int
		newDevice                      int // most hashes of others during a login from a new device
	}{
		"logins":        {logins: 6, perNetwork: 4, newDevice: 13},
		"known devices": {devices: 6, perNetwork: 4, newDevice: 9},
		"registrations": {registrations: 3, perNetwork: 8, newDevice: 9},
		"all":           {logins: 6, devices: 3, registrations: 3, perNetwork: 4, newDevice: 33},
		"many networks": {logins: 18, registrations: 8, perNetwork: 2, newDevice: 41},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, connect.Config{Dir: t.TempDir()}, failures(10), behindProxy, func(c *authd.Config) { c.PasswordCost = 9 })
			ann := s.register("ann@x.example", "")
			for i := range c.logins {
				s.register(fmt.Sprintf("203.0.113.%d@x.example", i), "")
			}
			var devices []grant
			for i := range c.devices * c.perNetwork {
				devices = append(devices, s.register(fmt.Sprintf("device%d@x.example", i), ""))
			}
			f := &hashFlood{service: s}
			defer f.end()
			f.run("203.0.113.%d", c.logins, c.perNetwork, f.login)
			f.run("198.18.0.%d", c.registrations, c.perNetwork, f.registration)
			f.run("198.51.100.%d", c.devices, c.perNetwork, func(client string, i int) resttest.Response {
				return s.loginFrom(client, devices[i].User.Email, "correct horse", devices[i].DeviceToken)
			})
			waittest.Until(t, "the flood has begun", func() bool { return f.hashed.Load() > 3 })
			check := func(client, device string, limit int) {
				t.Helper()
				least := int64(math.MaxInt64)
				for range 3 { // the test may wait for a processor, too
					begin := f.hashed.Load()
					s.loginFrom(client, "ann@x.example", "correct horse", device).Want(200, nil)
					if least = min(least, f.hashed.Load()-begin); least <= int64(limit) {
						return
					}
				}
				t.Errorf("login from %s took %d hashes of others, want at most %d", client, least, limit)
			}
			for range 5 {
				check("192.0.2.1", ann.DeviceToken, 2*c.devices+7)
			}
			check("192.0.2.2", "", c.newDevice)
		})
	}
}
