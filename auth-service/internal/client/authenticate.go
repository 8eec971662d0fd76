package client

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/battery-passport/suite/auth-service/internal/audit"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// usedInterval is the accuracy of LastUsedAt: a client that gets tokens all the time causes
// one write per interval.
const usedInterval = time.Minute

// opToken is the operation whose requests are counted.
const opToken = "token"

// Signer signs access tokens.
type Signer interface {
	Sign(p auth.Principal) (string, error)
}

// Requests limits the requests of an operation. Device is the id of a client with the right
// secret, or empty. Request fails with fault.TooMany.
type Requests interface {
	Request(operation string, client netip.Addr, device string) error
}

// Grant is an access token and its scopes.
type Grant struct {
	AccessToken string
	Scopes      []string
}

// IssueToken returns an access token for a client (RFC 6749, 4.4). It has the requested scopes
// or, if none is requested, the scopes of the role. It fails as authenticate does, and with
// fault.Invalid if the role does not have a requested scope.
func (s *Service) IssueToken(ctx context.Context, id, secret string, scopes []string) (Grant, error) {
	p, err := s.authenticate(ctx, id, secret)
	if err != nil {
		return Grant{}, err
	}
	all := p.Role.Scopes()
	for _, scope := range scopes {
		if !slices.Contains(all, scope) {
			return Grant{}, fault.New(fault.Invalid, "a client with the role %s may have the scopes %s, not %q", p.Role, strings.Join(all, " "), scope)
		}
	}
	if len(scopes) > 0 {
		p.Scopes = slices.DeleteFunc(all, func(scope string) bool { return !slices.Contains(scopes, scope) })
	}
	token, err := s.Signer.Sign(p)
	return Grant{token, p.GrantedScopes()}, err
}

// authenticate returns the principal of a client. It fails with fault.Unauthenticated for an
// unknown or disabled client and a wrong secret, and with fault.TooMany after too many requests
// of the client network. A client whose secret has been correct since this instance started has
// its own share of the limit: wrong secrets of others do not lock it out, even from the same
// network.
func (s *Service) authenticate(ctx context.Context, id, secret string) (auth.Principal, error) {
	credential, device := sha256.Sum256([]byte(id+"\x00"+secret)), ""
	if s.verified.Contains(credential) {
		device = id
	}
	if err := s.Requests.Request(opToken, audit.OriginOf(ctx).Client, device); err != nil {
		return auth.Principal{}, err
	}
	r, secretID, err := s.verify(ctx, id, secret)
	if err != nil {
		if fault.Is(err, fault.Unauthenticated) {
			s.verified.Remove(credential)
			s.Audit.CountClient(ctx, audit.ClientFailed, r.ID)
		}
		return auth.Principal{}, err
	}
	p := auth.Principal{UserID: r.ID, Role: r.Role, Session: secretID, Version: r.Rights, Client: true}
	if p.Organisation, p.FormerOrganisations, err = s.Organisations.Resolve(ctx, r.Organisation); err != nil {
		return auth.Principal{}, err
	}
	s.verified.Add(credential, struct{}{})
	s.Audit.CountClient(ctx, audit.ClientAuthenticated, r.ID)
	s.recordUse(ctx, r, secretID)
	return p, nil
}

// verify returns the client with the id and the secret. With fault.Unauthenticated, it returns
// the client too, if there is one.
func (s *Service) verify(ctx context.Context, id, secret string) (r Record, secretID string, err error) {
	row, err := s.Clients.Get(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Record{}, "", err
	}
	r = row.Doc
	if secretID = r.secretOf(hashOf(secret)); secretID == "" || r.Disabled || r.Deleted {
		return r, "", errRefused()
	}
	// The revocation may have been stored by a removal of the secret that failed after that.
	revoked, err := s.Tokens.IsRevoked(ctx, secretID, 1)
	if err != nil {
		return r, "", err
	}
	if revoked {
		return r, "", errRefused()
	}
	r, err = s.completePending(ctx, r)
	return r, secretID, err
}

func errRefused() error {
	return fault.New(fault.Unauthenticated, "the client is unknown or disabled, or its secret is wrong")
}

// completePending raises the version of the rights if it was revoked by a change that failed
// after that: the tokens of the client would be refused everywhere. It fails with
// fault.Unauthenticated if the client was disabled since r was read.
func (s *Service) completePending(ctx context.Context, r Record) (Record, error) {
	revoked, err := s.Tokens.IsRevoked(ctx, r.ID, r.Rights+1)
	if err != nil || !revoked {
		return r, err
	}
	row, err := s.Clients.Update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if stored.Rights > r.Rights {
			return store.Change{}, store.ErrNoChange
		}
		stored.Rights++
		return store.Change{}, nil
	})
	if err == nil && (row.Doc.Disabled || row.Doc.Deleted) {
		return row.Doc, errRefused()
	}
	return row.Doc, err
}

// recordUse sets the time of the latest token.
func (s *Service) recordUse(ctx context.Context, r Record, secretID string) {
	now := s.now()
	if now.Sub(r.lastUsed(secretID)) < usedInterval {
		return
	}
	_, err := s.Clients.Update(ctx, r.ID, func(stored *Record) (store.Change, error) {
		if now.Sub(stored.lastUsed(secretID)) < usedInterval {
			return store.Change{}, store.ErrNoChange
		}
		stored.LastUsedAt = now
		for i := range stored.Secrets {
			if stored.Secrets[i].ID == secretID {
				stored.Secrets[i].LastUsedAt = now
			}
		}
		return store.Change{}, nil
	})
	if err != nil {
		s.Log.WarnContext(ctx, "time of the latest token not stored", "client", r.ID, "err", err)
	}
}

// lastUsed returns the time of the latest token for a secret.
func (r Record) lastUsed(secretID string) time.Time {
	for _, secret := range r.Secrets {
		if secret.ID == secretID {
			return secret.LastUsedAt
		}
	}
	return time.Time{}
}
