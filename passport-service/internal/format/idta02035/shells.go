package idta02035

import (
	"maps"
	"slices"

	"github.com/battery-passport/suite/passport-service/internal/format"
)

// battery is a shell with submodels of a passport.
type battery struct {
	shell     int      // index
	submodels []string // ids, also of submodels that are not those of a passport
}

// batteries returns the shells of a document that have submodels of a passport.
func (m *model) batteries(environment map[string]any) (found []battery) {
	passports := map[string]bool{} // ids of submodels
	for _, item := range list(environment["submodels"]) {
		s, _ := item.(map[string]any)
		if id, ok := s["id"].(string); ok && m.known(s) != nil {
			passports[id] = true
		}
	}
	for i, item := range list(environment["assetAdministrationShells"]) {
		shell, _ := item.(map[string]any)
		b := battery{shell: i}
		for _, reference := range list(shell["submodels"]) {
			b.submodels = append(b.submodels, keys(reference)...)
		}
		if slices.ContainsFunc(b.submodels, func(id string) bool { return passports[id] }) {
			found = append(found, b)
		}
	}
	return found
}

// For returns a model that reads the submodels of the first battery if a document has several shells.
func (m *model) For(document any) format.Model {
	environment, _ := document.(map[string]any)
	if len(list(environment["assetAdministrationShells"])) < 2 {
		return m
	}
	c := *m
	if all := m.batteries(environment); len(all) > 0 {
		c.wanted = all[0].submodels
	}
	return &c
}

// Parts returns a document for each battery. The first one has also what belongs to no battery.
func (m *model) Parts(document any) (parts []any) {
	environment, _ := document.(map[string]any)
	all := m.batteries(environment)
	if len(all) < 2 {
		return []any{document}
	}
	shells, ids := map[int]bool{}, map[string]bool{} // of all batteries
	for _, b := range all {
		shells[b.shell] = true
		for _, id := range b.submodels {
			ids[id] = true
		}
	}
	for n, b := range all {
		part := map[string]any{}
		if n == 0 {
			part = maps.Clone(environment)
		}
		part["assetAdministrationShells"] = keepItems(environment["assetAdministrationShells"], func(i int, _ any) bool {
			return i == b.shell || n == 0 && !shells[i]
		})
		part["submodels"] = keepItems(environment["submodels"], func(_ int, item any) bool {
			s, _ := item.(map[string]any)
			id, _ := s["id"].(string)
			return slices.Contains(b.submodels, id) || n == 0 && !ids[id]
		})
		parts = append(parts, part)
	}
	return parts
}

// keepItems returns a list in which other items than those to keep are null.
func keepItems(items any, keep func(i int, item any) bool) []any {
	kept := slices.Clone(list(items))
	for i, item := range kept {
		if !keep(i, item) {
			kept[i] = nil
		}
	}
	return kept
}
