package notification

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// UnsubscribePath is the path of the page that the links to unsubscribe lead to.
const UnsubscribePath = "/notifications/unsubscribe"

const unsubscribeKey = "unsubscribe-key"

// Secret is a key of the service.
type Secret struct {
	Key []byte `json:"key"`
}

// SecretSchema is the store schema of keys.
func SecretSchema() store.Schema[Secret] {
	return store.Schema[Secret]{Name: "notification_secrets", Version: 1}
}

// Unsubscribe turns off all mails about events for the account of a link in a mail. The token in the
// link is valid as long as the account exists. It fails with fault.NotFound for any other token.
func (s *Service) Unsubscribe(ctx context.Context, token string) error {
	id, err := s.accountOfToken(ctx, token)
	if err != nil {
		return err
	}
	return s.changeMailSettings(auth.NewContext(ctx, auth.Principal{UserID: id}), MailSettings{}, true)
}

// CheckUnsubscribe fails as Unsubscribe does, and changes nothing.
func (s *Service) CheckUnsubscribe(ctx context.Context, token string) error {
	_, err := s.accountOfToken(ctx, token)
	return err
}

// unsubscribeURL returns the link for a mail with some notifications of an account, or "" if none of
// them is about an event, or if the service has no public URL.
func (s *Service) unsubscribeURL(ctx context.Context, records ...*Record) (string, error) {
	i := slices.IndexFunc(records, func(r *Record) bool { return r.Type == System && r.Recipient != "" })
	if s.PublicURL == "" || i < 0 {
		return "", nil
	}
	key, err := s.unsubscribeKey(ctx)
	if err != nil {
		return "", err
	}
	account := records[i].Recipient
	token := base64.RawURLEncoding.EncodeToString(append(sign(key, account), account...))
	return s.PublicURL + UnsubscribePath + "?token=" + token, nil
}

// accountOfToken returns the account for which a token was signed.
func (s *Service) accountOfToken(ctx context.Context, token string) (id string, err error) {
	invalid := fault.New(fault.NotFound, "the link is incomplete, or the account no longer exists")
	data, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(data) <= sha256.Size {
		return "", invalid
	}
	key, err := s.unsubscribeKey(ctx)
	if err != nil {
		return "", err
	}
	id = string(data[sha256.Size:])
	if !hmac.Equal(data[:sha256.Size], sign(key, id)) {
		return "", invalid
	}
	a, err := s.account(ctx, id)
	if err == nil && a.Deleted {
		err = invalid
	}
	return id, err
}

func sign(key []byte, account string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(account)) // never fails
	return mac.Sum(nil)
}

// unsubscribeKey returns the key that signs tokens, which all instances of the service share. The
// first call generates it, or reads it.
func (s *Service) unsubscribeKey(ctx context.Context) ([]byte, error) {
	if known := s.linkKey.Load(); known != nil {
		return *known, nil
	}
	row, err := s.Secrets.GetOrInsert(ctx, unsubscribeKey, func() Secret {
		created := Secret{Key: make([]byte, sha256.Size)}
		rand.Read(created.Key) // never fails
		return created
	})
	if err != nil {
		return nil, err
	}
	s.linkKey.Store(&row.Doc.Key)
	return row.Doc.Key, nil
}
