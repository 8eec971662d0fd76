// Package password hashes passwords with bcrypt.
//
// bcrypt ignores input after 72 bytes, so its input is an HMAC of the password, which
// has a fixed length.
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

	"github.com/battery-passport/suite/auth-service/internal/account"
)

// hashPrefix is the prefix of a stored hash; the bcrypt hash follows.
const hashPrefix = "hmac-sha256:"

// maxWait limits how long a call waits for a slot. A request with two hashes stays below
// the time limit of the HTTP server.
const maxWait = 10 * time.Second

// Hasher hashes passwords, at most max(1, GOMAXPROCS-1) at a time, so that on a
// machine with several processors one is free for other requests. Networks take turns. It
// is safe for concurrent use.
type Hasher struct {
	cost    int
	key     func() ([]byte, error)
	queue   *queue
	maxCost atomic.Int64 // highest cost of new hashes and of those compared so far
}

// New returns a hasher with a bcrypt cost. It calls key for each password; hashes
// match only with the key that they were computed with. About maxWaiting calls may wait.
func New(cost int, key func() ([]byte, error), maxWaiting int) *Hasher {
	h := &Hasher{cost: cost, key: key, queue: newQueue(max(1, runtime.GOMAXPROCS(0)-1), maxWaiting)}
	h.maxCost.Store(int64(cost))
	return h
}

// Hash returns the hash of a password. It fails with fault.Unavailable if the client gets
// no slot in maxWait, or has too many waiting calls.
func (h *Hasher) Hash(ctx context.Context, client account.Client, password string) (string, error) {
	input, err := h.acquire(ctx, client, password)
	if err != nil {
		return "", err
	}
	defer h.queue.release()
	hash, err := bcrypt.GenerateFromPassword(input, h.cost)
	return hashPrefix + string(hash), err
}

// Outdated reports whether the hash was made with another cost.
func (h *Hasher) Outdated(hash string) bool {
	cost, err := bcrypt.Cost([]byte(strings.TrimPrefix(hash, hashPrefix)))
	return err == nil && cost != h.cost
}

// Compare reports whether the hash is one of the password. An empty hash matches no
// password. A mismatch always takes as long as one with the highest cost so far, so
// that response times do not reveal which email addresses have an account. It fails
// as Hash does.
func (h *Hasher) Compare(ctx context.Context, client account.Client, hash, password string) (bool, error) {
	input, err := h.acquire(ctx, client, password)
	if err != nil {
		return false, err
	}
	defer h.queue.release()
	return h.compare(hash, input)
}

func (h *Hasher) compare(hash string, input []byte) (bool, error) {
	stored, ok := strings.CutPrefix(hash, hashPrefix)
	if !ok {
		stored = unmatched(int(h.maxCost.Load()))
	}
	switch err := bcrypt.CompareHashAndPassword([]byte(stored), input); {
	case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword):
		return false, h.equaliseTime(stored, input)
	case err != nil:
		return false, fmt.Errorf("compare password with stored hash: %w", err)
	}
	return ok, nil
}

// equaliseTime spends the time by which a comparison with the hash was shorter than
// one of the highest cost. Each step doubles the time: 2ⁿ + 2ⁿ + 2ⁿ⁺¹ + … + 2ᵐ⁻¹ = 2ᵐ.
func (h *Hasher) equaliseTime(hash string, input []byte) error {
	cost, err := bcrypt.Cost([]byte(hash))
	if err != nil {
		return err
	}
	for highest := h.updateMaxCost(cost); cost < highest; cost++ {
		_ = bcrypt.CompareHashAndPassword([]byte(unmatched(cost)), input) // always fails
	}
	return nil
}

// updateMaxCost raises maxCost to a cost and returns the result.
func (h *Hasher) updateMaxCost(cost int) int {
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

// acquire waits for a slot and returns the input for bcrypt. It computes the HMAC
// only with a slot, because a password may be long.
func (h *Hasher) acquire(ctx context.Context, client account.Client, password string) ([]byte, error) {
	key, err := h.key()
	if err != nil {
		return nil, err
	}
	if err := h.queue.acquire(ctx, client); err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(account.NormalPassword(password)))
	return []byte(base64.RawStdEncoding.EncodeToString(mac.Sum(nil))), nil
}
