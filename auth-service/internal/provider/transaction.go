package provider

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/seal"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/task"
	"github.com/battery-passport/suite/pkg/wire"
)

// Lifetime is how long a person may take to log in at the provider.
const Lifetime = 10 * time.Minute

const (
	sweepInterval = 10 * time.Minute
	purpose       = "login at the identity provider" // of the key that seals transactions
)

// transaction is a login in progress. The browser stores it sealed, so that any instance of the
// service can finish the login, and nobody else can read or forge it.
type transaction struct {
	State     string    `json:"state"`
	Nonce     string    `json:"nonce"`
	Verifier  string    `json:"verifier"`
	ExpiresAt time.Time `json:"expiresAt"`
}

// FinishedLogin marks a transaction as used, until it has expired.
type FinishedLogin struct {
	ExpiresAt time.Time `json:"expiresAt"`
}

// Schema declares how used transactions are stored. The id is the hash of the state.
func Schema() store.Schema[FinishedLogin] {
	return store.Schema[FinishedLogin]{
		Name: "finished_logins", Version: 1,
		Indexes: func(f *FinishedLogin) store.Indexes {
			return store.Indexes{Scopes: []string{store.All}, Created: f.ExpiresAt}
		},
	}
}

// aead returns the cipher that seals transactions.
func (c *Client) aead() (cipher.AEAD, error) {
	secret, err := c.Key()
	if err != nil {
		return nil, err
	}
	return seal.New(secret, purpose)
}

func (c *Client) seal(t transaction) (string, error) {
	aead, err := c.aead()
	if err != nil {
		return "", err
	}
	data, err := wire.Marshal(t)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, data, nil)), nil
}

// open returns the transaction that was sealed. It fails with fault.Malformed if it is missing,
// has expired, or is not one of this service.
func (c *Client) open(sealed string) (t transaction, err error) {
	aead, err := c.aead()
	if err != nil {
		return t, err
	}
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil {
		data, err = aead.Open(nil, nil, data, nil)
	}
	if err == nil {
		err = wire.Unmarshal(data, &t)
	}
	if err != nil || !c.Now().Before(t.ExpiresAt) {
		return t, fault.New(fault.Malformed, "this browser has no login at the identity provider in progress, or it began more than 10 minutes ago; begin again: GET /api/auth/oidc/login")
	}
	return t, nil
}

// use marks a transaction as used. It fails with fault.Unauthenticated if it was used before.
func (c *Client) use(ctx context.Context, t transaction) error {
	sum := sha256.Sum256([]byte(t.State))
	_, err := c.Finished.Insert(ctx, base64.RawURLEncoding.EncodeToString(sum[:]), FinishedLogin{t.ExpiresAt.UTC().Truncate(time.Millisecond)})
	if fault.Is(err, fault.Conflict) {
		return fault.New(fault.Unauthenticated, "this login was finished before; begin again: GET /api/auth/oidc/login")
	}
	return err
}

// Tasks returns the background tasks of the client.
func (c *Client) Tasks() []task.Kind {
	return []task.Kind{{Name: "provider.removeFinished", Every: sweepInterval, Run: func(ctx context.Context, _ task.Task) error { return c.sweep(ctx) }}}
}

// sweep removes the marks of transactions that have expired long enough ago that they have also expired
// for an instance whose clock is slow.
func (c *Client) sweep(ctx context.Context) error {
	before := c.Now().Add(-sweepInterval)
	for row, err := range c.Finished.All(ctx, store.Query{Scopes: []string{store.All}, Order: store.OldestFirst, Limit: store.MaxLimit}) {
		if err != nil || !row.Doc.ExpiresAt.Before(before) {
			return err
		}
		if err := c.Finished.Delete(ctx, row.ID, row.Version); err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Stale) {
			return err
		}
	}
	return nil
}
