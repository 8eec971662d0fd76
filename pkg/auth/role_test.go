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
