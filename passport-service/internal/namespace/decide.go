package namespace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Confirm confirms a requested namespace. It fails with fault.Conflict if it overlaps with
// one of another organisation, or if it was refused or withdrawn. Confirming a confirmed
// namespace changes nothing. The caller must be an admin.
func (s *Service) Confirm(ctx context.Context, id string) (Namespace, error) {
	n, err := s.Get(ctx, id)
	if err == nil {
		err = n.checkChange(Confirmed)
	}
	if err != nil {
		return Namespace{}, err
	}
	if err := s.claim(ctx, n); err != nil {
		return Namespace{}, err
	}
	confirmed, err := s.setState(ctx, id, Confirmed, "")
	if fault.Is(err, fault.Conflict) { // withdrawn since it was read
		if releaseErr := s.release(ctx, n); releaseErr != nil {
			return Namespace{}, releaseErr
		}
	}
	return confirmed, err
}

// Refuse refuses a requested namespace. The caller must be an admin. A confirmation that
// failed half-way may have left a claim, which Refuse releases. Repeat it if it fails.
func (s *Service) Refuse(ctx context.Context, id, reason string) (Namespace, error) {
	return s.end(ctx, id, Refused, reason)
}

// end sets the last state of a namespace and releases its claim.
func (s *Service) end(ctx context.Context, id string, state State, reason string) (Namespace, error) {
	n, err := s.setState(ctx, id, state, reason)
	if err != nil {
		return Namespace{}, err
	}
	return n, s.release(ctx, n)
}

// Withdraw gives up a requested or confirmed namespace, which another organisation may
// then get. Passports that use it stay as they are. Repeat it if it fails.
func (s *Service) Withdraw(ctx context.Context, id, reason string) (Namespace, error) {
	return s.end(ctx, id, Withdrawn, reason)
}

// checkChange fails with fault.Conflict if the state does not allow the next one.
func (n *Namespace) checkChange(next State) error {
	if n.State == next || n.State == Requested || n.State == Confirmed && next == Withdrawn {
		return nil
	}
	return fault.New(fault.Conflict, "the namespace is %s and cannot become %s", n.State, next).
		With(fault.Detail{Path: "/state", Code: "transition", Message: fmt.Sprintf("is %s, which does not allow %s", n.State, next)})
}

func (s *Service) setState(ctx context.Context, id string, next State, reason string) (Namespace, error) {
	caller := auth.Caller(ctx)
	row, err := s.Namespaces.Update(ctx, id, func(n *Namespace) (store.Change, error) {
		if !n.canRead(caller) {
			return store.Change{}, errNotFound(id)
		}
		if err := n.checkChange(next); err != nil {
			return store.Change{}, err
		}
		if n.State == next {
			return store.Change{}, store.ErrNoChange
		}
		n.State, n.Reason, n.UpdatedAt, n.UpdatedBy = next, reason, s.now(), caller.UserID
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		err = errNotFound(id)
	}
	return row.Doc, err
}

// claim makes the organisation of a namespace its holder. It fails with fault.Conflict if
// another organisation holds one that overlaps.
func (s *Service) claim(ctx context.Context, n Namespace) error {
	id := claimsID(n.Kind, n.Value)
	for {
		_, err := s.Claims.Update(ctx, id, func(c *Claims) (store.Change, error) { return store.Change{}, c.add(n) })
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		var first Claims
		if err := first.add(n); err != nil {
			return err
		}
		if _, err := s.Claims.Insert(ctx, id, first); !fault.Is(err, fault.Conflict) {
			return err
		}
	}
}

func (c *Claims) add(n Namespace) error {
	for _, h := range c.Holders {
		if h.NamespaceID == n.ID {
			return store.ErrNoChange
		}
		overlaps := strings.HasPrefix(h.Value, n.Value) || strings.HasPrefix(n.Value, h.Value)
		if overlaps && h.Organisation != n.Organisation {
			return fault.New(fault.Conflict, "the namespace overlaps with %s of the organisation %s (namespace %s)", h.Value, h.Organisation, h.NamespaceID).
				With(fault.Detail{Path: "/value", Code: "duplicate", Message: fmt.Sprintf("value must not overlap with %s, got %s", h.Value, n.Value)})
		}
	}
	c.Holders = append(c.Holders, Holder{n.ID, n.Organisation, n.Value})
	return nil
}

// release removes the claim of a namespace.
func (s *Service) release(ctx context.Context, n Namespace) error {
	_, err := s.Claims.Update(ctx, claimsID(n.Kind, n.Value), func(c *Claims) (store.Change, error) {
		before := len(c.Holders)
		c.Holders = slices.DeleteFunc(c.Holders, func(h Holder) bool { return h.NamespaceID == n.ID })
		if len(c.Holders) == before {
			return store.Change{}, store.ErrNoChange
		}
		return store.Change{}, nil
	})
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}
