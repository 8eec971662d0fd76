package throttle

import (
	"math"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
)

// codeInterval is the time in which an account regains an attempt at a code. Three of a million
// codes are accepted at a time: at this rate, the chance to guess one in a year is a tenth.
const codeInterval = 15 * time.Minute

// Code begins an attempt at a code of a second factor. Device is the verified id of a device of the account, or
// empty. The attempt counts as a failure until end(false). Code fails with fault.TooMany.
func (t *Throttle) Code(account, device string) (end func(failed bool), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.codes.get(account+" "+device, t.now())
	if wait := b.wait(); wait > 0 {
		return nil, fault.New(fault.TooMany, "too many wrong codes for this account; try again in %d seconds, or log in on a device that you have logged in on before", int(math.Ceil(wait.Seconds()))).
			RetryIn(wait)
	}
	b.remaining--
	return t.end([]*bucket{b}, func() {}), nil
}
