package passport

import (
	"context"
	"fmt"
	"iter"

	"github.com/battery-passport/suite/pkg/fault"
)

// LabelSelection selects passports for labels: those with the ids, or those that the
// filter selects if IDs is empty.
type LabelSelection struct {
	IDs    []string
	Filter Filter
}

// LabelData contains the texts of a label.
type LabelData struct{ Identifier, Model, Serial string }

const (
	serialNumber  = "generalInformation.batterySerialNumber"
	labelPageSize = 200
	// maxLabels is the maximum number of labels in an order. The schema of the order allows the
	// same number of ids.
	maxLabels = 10_000
	// maxLabelProblems is the maximum number of problems in one response.
	maxLabelProblems = 100
)

func labelOf(p *Passport) LabelData {
	model := p.text(modelName)
	if model == "" {
		model = p.text(modelID)
	}
	return LabelData{p.BatteryIdentifier, model, p.text(serialNumber)}
}

// Labels returns the labels of the selected passports that the caller owns. Passports
// without a battery identifier have none. It stops at the first error.
func (s *Service) Labels(ctx context.Context, selection LabelSelection) iter.Seq2[LabelData, error] {
	return func(yield func(LabelData, error) bool) {
		for p, err := range s.selected(ctx, selection) {
			switch {
			case err != nil:
				yield(LabelData{}, err)
				return
			case p.BatteryIdentifier != "" && !yield(labelOf(&p), nil):
				return
			}
		}
	}
}

// CheckLabels returns an error with all problems of an order, at most 100: passports that
// the caller does not own, those without an identifier if they are selected by id, and
// those that check refuses.
func (s *Service) CheckLabels(ctx context.Context, selection LabelSelection, check func(LabelData) error) error {
	invalid := fault.New(fault.Invalid, "labels cannot be printed for all passports")
	n, problems, i := 0, 0, -1
	add := func(path, code, message string) {
		if problems++; problems <= maxLabelProblems {
			invalid = invalid.With(fault.Detail{Path: path, Code: code, Message: message})
		}
	}
	byID := len(selection.IDs) > 0
	for p, err := range s.selected(ctx, selection) {
		if i++; i >= maxLabels {
			return fault.New(fault.Invalid, "an order has at most %d labels: select fewer passports", maxLabels).
				With(fault.Detail{Path: "/filter", Code: "range", Message: "must select at most 10000 passports"})
		}
		path := "/filter"
		if byID {
			path = fmt.Sprintf("/ids/%d", i)
		}
		switch {
		case fault.Is(err, fault.NotFound):
			add(path, "notFound", "is not one of your passports")
		case err != nil:
			return err
		case p.BatteryIdentifier != "":
			n++
			if err := check(labelOf(&p)); err != nil {
				add(path, "consistency", err.Error())
			}
		case byID:
			add(path, "required", "has no batteryIdentifier yet, which the label must show")
		}
	}
	if problems == 0 && n == 0 {
		add("/filter", "required", "selects no passport with a batteryIdentifier")
	}
	if problems > 0 {
		return invalid
	}
	return nil
}

// selected returns the selected passports that the caller owns. An id of another passport
// yields the error fault.NotFound, and the iteration continues.
func (s *Service) selected(ctx context.Context, selection LabelSelection) iter.Seq2[Passport, error] {
	if len(selection.IDs) == 0 {
		return s.listed(ctx, selection.Filter)
	}
	return func(yield func(Passport, error) bool) {
		for _, id := range selection.IDs {
			p, access, err := s.find(ctx, id)
			if err == nil && !access.Owner || fault.Is(err, fault.Gone) {
				err = errNotFound(id)
			}
			if !yield(p, err) || err != nil && !fault.Is(err, fault.NotFound) {
				return
			}
		}
	}
}

// listed returns all passports of the caller that a filter selects.
func (s *Service) listed(ctx context.Context, filter Filter) iter.Seq2[Passport, error] {
	return func(yield func(Passport, error) bool) {
		views, err := s.All(ctx, ListParams{Filter: filter, Limit: labelPageSize})
		if err != nil {
			yield(Passport{}, err)
			return
		}
		for view, err := range views {
			if (err != nil || view.Access.Owner) && !yield(view.Passport, err) {
				return
			}
		}
	}
}
