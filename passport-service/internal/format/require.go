package format

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/battery-passport/suite/passport-service/internal/ruleset"
)

// requirement lists the members that an object of a document must have.
type requirement struct {
	object  []step
	members []string
}

func parseRequirements(model *ruleset.DataModel) (all []requirement, err error) {
	for _, path := range slices.Sorted(maps.Keys(model.Required)) {
		steps, err := parsePath(path)
		if err != nil {
			return nil, fmt.Errorf("required of %s: %w", model.Name, err)
		}
		all = append(all, requirement{steps, strings.Split(model.Required[path], ", ")})
	}
	return all, nil
}

// missing returns the required members that a document does not have, by their JSON Pointer.
func missing(document any, required []requirement) (losses []Loss) {
	for _, r := range required {
		for _, m := range find(document, r.object) {
			object, ok := m.value.(map[string]any)
			for _, name := range r.members {
				if _, has := object[name]; ok && !has {
					losses = append(losses, Loss{m.pointer + "/" + escape(name), "is required there, but the passport does not have it"})
				}
			}
		}
	}
	return losses
}

// parseMarks parses the paths that identify documents of a model.
func parseMarks(model *ruleset.DataModel) (marks [][]step, err error) {
	for _, path := range model.RecognisedBy {
		steps, err := parsePath(path)
		if err != nil {
			return nil, fmt.Errorf("recognisedBy of %s: %w", model.Name, err)
		}
		marks = append(marks, steps)
	}
	return marks, nil
}
