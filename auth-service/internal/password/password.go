// Package password hashes passwords with bcrypt.
//
// bcrypt reads 72 bytes and no more, so it is given a keyed hash of the
// password, which is of one length for all.
package password

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/battery-passport/suite/pkg/fault"
)

// form marks how a hash was made, before the bcrypt hash itself.
const form = "hmac-sha256:"

const patience = 2 * time.Second // for a turn when more passwords come than the machine can hash

// processors are those that the process began with: main lets more goroutines run
// at a time than that.
var processors = runtime.GOMAXPROCS(0)

// Hasher hashes passwords, as many at a time as there are processors. It is
// safe for concurrent use.
type Hasher struct {
	cost    int
	key     func() ([]byte, error)
	turns   chan struct{}
	dearest atomic.Int64 // cost: the own, or that of a hash that was compared
}

// New returns a hasher of a bcrypt cost. The key is asked for each time; it
// has to stay the same as long as the hashes.
func New(cost int, key func() ([]byte, error)) *Hasher {
	h := &Hasher{cost: cost, key: key, turns: make(chan struct{}, processors)}
	h.dearest.Store(int64(cost))
	return h
}

// Hash returns the hash of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	input, err := h.begin(ctx, password)
	if err != nil {
		return "", err
	}
	defer h.end()
	var hash []byte
	aside(func() { hash, err = bcrypt.GenerateFromPassword(input, h.cost) })
	return form + string(hash), err
}

// Outdated tells whether the hash was made with another cost than this one.
func (h *Hasher) Outdated(hash string) bool {
	cost, err := bcrypt.Cost([]byte(strings.TrimPrefix(hash, form)))
	return err == nil && cost != h.cost
}

// Compare tells whether the hash is one of the password. An empty hash takes
// as long as any, and is that of no password. So that time tells nothing while
// hashes differ in cost, to fail always takes as long as with the dearest seen.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (ok bool, err error) {
	input, err := h.begin(ctx, password)
	if err != nil {
		return false, err
	}
	defer h.end()
	aside(func() { ok, err = h.compare(hash, input) })
	return ok, err
}

func (h *Hasher) compare(hash string, input []byte) (bool, error) {
	known, ok := strings.CutPrefix(hash, form)
	if !ok {
		known = nobodys(int(h.dearest.Load()))
	}
	switch err := bcrypt.CompareHashAndPassword([]byte(known), input); {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, h.fillUp(known, input)
	case err != nil:
		return false, fmt.Errorf("compare with a stored hash: %w", err)
	}
	return ok, nil
}

// fillUp takes the time that a comparison with the hash lacks: each step of the
// cost doubles it, so 2ⁿ and then 2ⁿ, 2ⁿ⁺¹, … 2ᵐ⁻¹ come to 2ᵐ.
func (h *Hasher) fillUp(hash string, input []byte) error {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return err
	}
	for dearest := h.dearestWith(cost); cost < dearest; cost++ {
		_ = bcrypt.CompareHashAndPassword([]byte(nobodys(cost)), input) // fails
	}
	return nil
}

// dearestWith returns the dearest cost seen, this one among them.
func (h *Hasher) dearestWith(cost int) int {
	for {
		dearest := h.dearest.Load()
		if int64(cost) <= dearest {
			return int(dearest)
		}
		h.dearest.CompareAndSwap(dearest, int64(cost))
	}
}

// nobodys is a hash that no password has.
func nobodys(cost int) string { return fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", 53)) }

// begin waits for a turn and returns what is hashed. A password may be long:
// its hash is not made before there is a turn.
func (h *Hasher) begin(ctx context.Context, password string) ([]byte, error) {
	key, err := h.key()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "too many log in at once").Because(ctx.Err())
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(password))
	return []byte(base64.RawStdEncoding.EncodeToString(mac.Sum(nil))), nil
}

func (h *Hasher) end() { <-h.turns }
