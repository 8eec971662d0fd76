package namespace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

// Problem describes why an organisation should not use an identifier.
type Problem struct {
	Message string // follows the name of the field
	Refused bool   // publishing is refused; otherwise it is a warning
}

// Check returns the problem of the identifier of a battery or a passport for an
// organisation, given by its ids, or nil. The namespace of a GS1 Digital Link with GTIN and serial number is the company
// prefix of the GTIN, because it identifies the battery on every host; its host must not
// belong to another organisation either. That of other identifiers is the host. An
// identifier without a host, such as a URN, and one that is not valid have no problem here.
func (s *Service) Check(ctx context.Context, identifier string, organisations []string) (*Problem, error) {
	host, gtin := split(identifier)
	if host == "" {
		return nil, nil
	}
	holder, err := s.holder(ctx, Host, host)
	if err != nil {
		return nil, err
	}
	if holder != nil && !slices.Contains(organisations, holder.Organisation) {
		return s.foreign("host " + host), nil
	}
	if gtin != "" {
		if holder, err = s.holder(ctx, GS1CompanyPrefix, gtin[1:]); err != nil { // the first digit is the indicator
			return nil, err
		}
		if holder != nil && !slices.Contains(organisations, holder.Organisation) {
			return s.foreign("GS1 company prefix " + holder.Value), nil
		}
	}
	switch {
	case holder != nil || !s.Enforced:
		return nil, nil
	case gtin != "":
		return unregistered("GS1 company prefix of the GTIN " + gtin), nil
	}
	return unregistered("host " + host), nil
}

// CheckGTIN returns the problem of the GTIN of a battery model for an organisation, or nil. It
// has a problem if its company prefix belongs to another organisation. Everybody may use a
// prefix without an owner, because importers state the GTIN of the manufacturer.
func (s *Service) CheckGTIN(ctx context.Context, gtin string, organisations []string) (*Problem, error) {
	if len(gtin) < minGTIN || len(gtin) > maxGTIN || !digits.MatchString(gtin) {
		return nil, nil
	}
	gtin = strings.Repeat("0", maxGTIN-len(gtin)) + gtin
	holder, err := s.holder(ctx, GS1CompanyPrefix, gtin[1:])
	if holder == nil || slices.Contains(organisations, holder.Organisation) {
		return nil, err
	}
	return s.foreign("GS1 company prefix " + holder.Value), nil
}

func (s *Service) foreign(namespace string) *Problem {
	return &Problem{fmt.Sprintf("must not be in the namespace of another organisation, got the %s: use an identifier of your own namespace, or ask an admin if this one is yours", namespace), s.Enforced}
}

func unregistered(namespace string) *Problem {
	return &Problem{fmt.Sprintf("must be in a namespace that is confirmed for your organisation, got the %s: request it (POST /api/namespaces) and ask an admin to confirm it", namespace), true}
}

// holder returns the organisation for which the namespace of a host, or of the digits of a
// GTIN after the indicator, is confirmed, or nil.
func (s *Service) holder(ctx context.Context, kind Kind, text string) (*Holder, error) {
	claims, err := s.claimsByID(ctx, claimsID(kind, text))
	for _, h := range claims.Holders {
		if h.Value == text || kind == GS1CompanyPrefix && strings.HasPrefix(text, h.Value) {
			return &h, nil
		}
	}
	return nil, err
}

// claimsByID returns claims by their id. Without any it returns the zero value.
func (s *Service) claimsByID(ctx context.Context, id string) (Claims, error) {
	if s.cache != nil {
		if cached, ok := s.cache.Load(id); ok {
			return cached.(Claims), nil
		}
	}
	row, err := s.Claims.Get(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return Claims{}, err
	}
	if s.cache != nil {
		s.cache.Store(id, row.Doc)
	}
	return row.Doc, nil
}
