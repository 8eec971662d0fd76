package auth_test

import (
	"slices"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
)

func TestOwnershipIncludesFormerIDs(t *testing.T) {
	none := auth.Principal{FormerOrganisations: []string{"Nordlicht GmbH"}}
	one := auth.Principal{Organisation: "nordlicht"}
	mapped := auth.Principal{Organisation: "nordlicht", FormerOrganisations: []string{"Nordlicht GmbH", "NLB"}}
	empty := auth.Principal{Organisation: "nordlicht", FormerOrganisations: []string{""}}
	for _, tt := range []struct {
		name   string
		caller auth.Principal
		all    []string
		owns   map[string]bool
	}{
		{"no organisation", none, nil, map[string]bool{"": false, "Nordlicht GmbH": false}},
		{"without former ids", one, []string{"nordlicht"}, map[string]bool{"": false, "nordlicht": true, "Nordlicht": false, "NLB": false}},
		{"with former ids", mapped, []string{"nordlicht", "Nordlicht GmbH", "NLB"}, map[string]bool{"": false, "nordlicht": true, "NLB": true, "nlb": false}},
		{"with an empty former id", empty, []string{"nordlicht", ""}, map[string]bool{"": false, "nordlicht": true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.caller.Organisations(); !slices.Equal(got, tt.all) {
				t.Errorf("Organisations() = %q, want %q", got, tt.all)
			}
			for organisation, want := range tt.owns {
				if got := tt.caller.Owns(organisation); got != want {
					t.Errorf("Owns(%q) = %v, want %v", organisation, got, want)
				}
			}
		})
	}
}

func TestMissingScope(t *testing.T) {
	for _, tt := range []struct {
		role         auth.Role
		scopes       []string
		reads, write string // missing scopes of a read and of a write
	}{
		{auth.Operator, nil, "", ""},
		{auth.Operator, []string{"passports:read", "passports:write"}, "", ""},
		{auth.Operator, []string{"passports:read"}, "", "passports:write"},
		{auth.Operator, []string{"passports:write"}, "passports:read", ""},
		{auth.Operator, []string{"documents:read"}, "passports:read", "passports:write"},
		{auth.User, []string{"passports:read"}, "", ""}, // such as a check of data; the role cannot write
		{auth.User, []string{"documents:read"}, "passports:read", "passports:read"},
	} {
		p := auth.Principal{Role: tt.role, Scopes: tt.scopes}
		if got := p.MissingScope("passports", true); got != tt.reads {
			t.Errorf("%s with %q: a read misses %q, want %q", tt.role, tt.scopes, got, tt.reads)
		}
		if got := p.MissingScope("passports", false); got != tt.write {
			t.Errorf("%s with %q: a write misses %q, want %q", tt.role, tt.scopes, got, tt.write)
		}
	}
}
