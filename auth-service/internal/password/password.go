// Package password hashes passwords with bcrypt.
//
// bcrypt ignores input after 72 bytes, so it gets an HMAC of the password, which
// has the same length for all.
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

// form is the prefix of a stored hash; the bcrypt hash follows.
const form = "hmac-sha256:"

// maxWait is how long a caller waits while others are hashing.
const maxWait = 2 * time.Second

// Hasher hashes passwords. At most max(1, GOMAXPROCS-1) at a time, so that on a
// machine of several processors one is left for other requests. It is safe for
// concurrent use.
type Hasher struct {
	cost    int
	key     func() ([]byte, error)
	slots   chan struct{}
	maxCost atomic.Int64 // of hashes so far, and of new ones
}

// New returns a hasher with a bcrypt cost. It asks for the key each time; the
// key must stay the same as long as the hashes.
func New(cost int, key func() ([]byte, error)) *Hasher {
	h := &Hasher{cost: cost, key: key, slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))}
	h.maxCost.Store(int64(cost))
	return h
}

// Hash returns the hash of a password.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	input, err := h.begin(ctx, password)
	if err != nil {
		return "", err
	}
	defer h.end()
	hash, err := bcrypt.GenerateFromPassword(input, h.cost)
	return form + string(hash), err
}

// Outdated reports whether the hash was made with another cost.
func (h *Hasher) Outdated(hash string) bool {
	cost, err := bcrypt.Cost([]byte(strings.TrimPrefix(hash, form)))
	return err == nil && cost != h.cost
}

// Compare reports whether the hash is one of the password. An empty hash matches
// no password. A mismatch always takes as long as one with the highest cost seen,
// so that response times do not show which addresses have an account.
func (h *Hasher) Compare(ctx context.Context, hash, password string) (bool, error) {
	input, err := h.begin(ctx, password)
	if err != nil {
		return false, err
	}
	defer h.end()
	return h.compare(hash, input)
}

func (h *Hasher) compare(hash string, input []byte) (bool, error) {
	known, ok := strings.CutPrefix(hash, form)
	if !ok {
		known = unmatched(int(h.maxCost.Load()))
	}
	switch err := bcrypt.CompareHashAndPassword([]byte(known), input); {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, h.equalise(known, input)
	case err != nil:
		return false, fmt.Errorf("compare with a stored hash: %w", err)
	}
	return ok, nil
}

// equalise spends the time by which a comparison with the hash was shorter than
// one of the highest cost. Each step doubles the time: 2ⁿ + 2ⁿ + 2ⁿ⁺¹ + … + 2ᵐ⁻¹ = 2ᵐ.
func (h *Hasher) equalise(hash string, input []byte) error {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return err
	}
	for highest := h.raise(cost); cost < highest; cost++ {
		_ = bcrypt.CompareHashAndPassword([]byte(unmatched(cost)), input) // always fails
	}
	return nil
}

// raise adds a cost to those seen and returns the highest.
func (h *Hasher) raise(cost int) int {
	for {
		highest := h.maxCost.Load()
		if int64(cost) <= highest {
			return int(highest)
		}
		h.maxCost.CompareAndSwap(highest, int64(cost))
	}
}

// unmatched returns a hash that no password matches.
func unmatched(cost int) string { return fmt.Sprintf("$2a$%02d$%s", cost, strings.Repeat(".", 53)) }

// begin waits for a slot and returns the input for bcrypt. A password may be long,
// so its HMAC is computed only with a slot.
func (h *Hasher) begin(ctx context.Context, password string) ([]byte, error) {
	key, err := h.key()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	select {
	case h.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.New(fault.Unavailable, "too many logins at a time; try again").Because(ctx.Err())
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(password))
	return []byte(base64.RawStdEncoding.EncodeToString(mac.Sum(nil))), nil
}

func (h *Hasher) end() { <-h.slots }
