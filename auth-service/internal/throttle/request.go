package throttle

import (
	"net/netip"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// deviceShare is the part of AUTH_RATE_LIMIT that each device has for itself.
const deviceShare = 10

// requestBuckets count the requests of an operation.
type requestBuckets struct {
	networks [networkLevels]*buckets
	devices  *buckets
}

func newRequestBuckets(perMinute int) *requestBuckets {
	r := &requestBuckets{devices: newBuckets(perMinuteOf(float64((perMinute + deviceShare - 1) / deviceShare)))}
	for level, factor := range levelFactor {
		r.networks[level] = newBuckets(perMinuteOf(float64(perMinute) * factor))
	}
	return r
}

func perMinuteOf(n float64) (capacity float64, interval time.Duration) {
	return n, time.Duration(float64(time.Minute) / n)
}

// Request counts a request of an operation, such as a login. Device is the verified id of
// the device of any account, or empty. It fails with fault.TooMany.
func (t *Throttle) Request(operation string, client netip.Addr, device string) error {
	if t.perMinute == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now, r := t.now(), t.requests[operation]
	if r == nil {
		r = newRequestBuckets(t.perMinute)
		t.requests[operation] = r
	}
	if device != "" {
		if b := r.devices.get(device, now); b.wait() == 0 {
			b.remaining--
			return nil
		}
	}
	taken, wait := bucketsOf(r.networks, networksOf(client), now)
	if wait > 0 {
		return fault.New(fault.TooMany, "too many requests from your network; try again in a second").RetryIn(wait)
	}
	for _, b := range taken {
		b.remaining--
	}
	return nil
}
