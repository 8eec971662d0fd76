package compliance_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/battery-passport/suite/passport-service/internal/compliance"
	"github.com/battery-passport/suite/passport-service/internal/ruleset"
	"github.com/battery-passport/suite/pkg/wire"
)

// validators are the schemas of data by category, "" for any.
type validators map[string]*jsonschema.Schema

var inCategories = []string{"", "EV", "LMT", "Industrial"}

func compile(t *testing.T, e *compliance.Engine, complete bool, on ruleset.Date) validators {
	t.Helper()
	all := validators{}
	for _, category := range inCategories {
		text, err := json.Marshal(map[string]any{
			"$ref": "#/$defs/Data", "$defs": e.Schemas(compliance.SchemaParams{Category: category, Complete: complete, On: on}),
		})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		c := jsonschema.NewCompiler()
		c.DefaultDraft(jsonschema.Draft2020)
		c.AssertFormat()
		if err := c.AddResource("schema.json", doc); err != nil {
			t.Fatal(err)
		}
		if all[category], err = c.Compile("schema.json"); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// check validates data with the schema for any category and with that of its own.
func (v validators) check(t *testing.T, data []byte) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	err = v[""].Validate(doc)
	general, _ := doc.(map[string]any)["generalInformation"].(map[string]any)
	if own := v[fmt.Sprint(general["batteryCategory"])]; own != nil {
		if other := own.Validate(doc); (other == nil) != (err == nil) {
			t.Errorf("the schema for any category says %v, that of the category %v", err, other)
		}
	}
	return err
}

// tries is the number of changes of TestAcceptedDataHasTheSchema. It takes 4 ms for each.
const tries = 300

// TestAcceptedDataHasTheSchema changes samples at random. All data that the engine accepts must
// have the schema, and all data that can be stored that of a draft.
func TestAcceptedDataHasTheSchema(t *testing.T) {
	e := engine(t)
	days := []ruleset.Date{ruleset.DateOf(now), "2040-01-01"}
	drafts, complete := compile(t, e, false, ""), map[ruleset.Date]validators{}
	for _, day := range days {
		complete[day] = compile(t, e, true, day)
	}
	var all []any
	for _, data := range acceptedData(t) {
		var v any
		if err := json.Unmarshal(data, &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	random := rand.New(rand.NewPCG(1, 2))
	stored, accepted := 0, 0
	for i := range tries {
		var v any
		base, _ := json.Marshal(all[i%len(all)])
		json.Unmarshal(base, &v)
		for range random.IntN(3) {
			change(random, v, all)
		}
		data, _ := json.Marshal(v)
		document := e.Rules.Parse(wire.Value(data))
		if document.Details() != nil {
			continue
		}
		if stored++; drafts.check(t, data) != nil {
			t.Errorf("a draft violates its schema: %v", drafts.check(t, data))
		}
		for _, day := range days {
			if !e.Evaluate(compliance.Input{Data: document, Now: now, AsOf: day}).Complete {
				continue
			}
			if accepted++; complete[day].check(t, data) != nil {
				t.Errorf("complete data violates its schema of %s: %v in %s", day, complete[day].check(t, data), data)
			}
		}
	}
	t.Logf("%d drafts, %d complete passports", stored, accepted)
	if stored < tries/4 || accepted < tries/4 {
		t.Errorf("got %d drafts and %d complete passports, want a quarter of the tries of each", stored, accepted)
	}
}

// acceptedData returns the data of all complete samples and of their accepted changes.
func acceptedData(t *testing.T) (all []wire.Value) {
	t.Helper()
	var names map[string]any
	file(t, "expected.json", &names)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		all = append(all, sample(t, name, ""))
	}
	for _, c := range accepted {
		all = append(all, sample(t, c.base, c.patch))
	}
	return all
}

// values replace others at random.
var values = []any{
	"", " ", "\u00a0", "\u200b", "n/a", "x", "Ä", "ORIGINAL", "Re-Used", "2026-02", "2026-02-03", "2026-02-03T04:05:06+07:00", "https://ä.example/ö", "https://a.example/?q=1#f",
	"9521000001015", "9521000001016", "1333-86-4", "12190-79-3", "7439-92-1", "natural  GRAPHITE", "bauxite/alumina", "DE", "de", 0.0, 1.0, -1.0, 2.5, 100.0, 101.0, 1e9, true, false,
}

// change removes, copies or replaces a value in v. Replacements are from other data.
func change(random *rand.Rand, v any, others []any) {
	for container := v; ; {
		switch c := container.(type) {
		case map[string]any:
			if len(c) == 0 {
				return
			}
			name := slices.Sorted(maps.Keys(c))[random.IntN(len(c))]
			if _, isObject := c[name].(map[string]any); isObject && random.IntN(8) > 0 {
				container = c[name]
				continue
			}
			if list, isList := c[name].([]any); isList && random.IntN(3) > 0 {
				c[name] = changeList(random, list)
				return
			}
			switch random.IntN(3) {
			case 0:
				delete(c, name)
			case 1:
				c[name] = values[random.IntN(len(values))]
			default:
				copyMember(random, c, others)
			}
			return
		default:
			return
		}
	}
}

func changeList(random *rand.Rand, list []any) []any {
	if len(list) == 0 || random.IntN(4) == 0 {
		return append(list, values[random.IntN(len(values))])
	}
	i := random.IntN(len(list))
	switch random.IntN(4) {
	case 0:
		return slices.Delete(list, i, i+1)
	case 1:
		return append(list, list[i])
	case 2:
		change(random, list[i], nil)
	default:
		list[i] = values[random.IntN(len(values))]
	}
	return list
}

// copyMember copies a member from an object of other data that has one of the members.
func copyMember(random *rand.Rand, into map[string]any, others []any) {
	if len(others) == 0 {
		return
	}
	sections := others[random.IntN(len(others))].(map[string]any)
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		from, _ := sections[section].(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(from)) {
			if _, shared := into[name]; shared && random.IntN(4) == 0 {
				into[name] = from[name]
			}
		}
	}
}

// TestSchemaFindsInvalidCases counts the cases that the schema finds. The others need a
// calculation, the time or another passport.
func TestSchemaFindsInvalidCases(t *testing.T) {
	e := engine(t)
	complete := compile(t, e, true, ruleset.DateOf(now))
	var cases struct {
		Cases []struct {
			Name, Base string
			Patch      json.RawMessage
		}
	}
	file(t, "invalid-cases.json", &cases)
	found := 0
	for _, c := range cases.Cases {
		if complete.check(t, sample(t, c.Base, string(c.Patch))) != nil {
			found++
		}
	}
	if found != 50 {
		t.Errorf("the schema finds %d of %d cases, want 50", found, len(cases.Cases))
	}
}

// TestCheckDigitPatterns compares the patterns of check digits with the numbers of all samples:
// they accept correct ones, and refuse those with another last digit of the other parity.
func TestCheckDigitPatterns(t *testing.T) {
	e := engine(t)
	complete := compile(t, e, true, ruleset.DateOf(now))
	base := sample(t, ev, "")
	for path, correct := range map[string]string{
		general + "batteryModel/gtin":              "09521100000116",
		matter + "hazardousSubstances/1/casNumber": "21324-40-3",
		matter + "hazardousSubstances/0/casNumber": "193214-24-3",
		general + "batteryIdentifier":              "https://nlb.example/01/09521100000116/21/NB7K2Q9X",
	} {
		for digit := range 10 {
			number := correct[:len(correct)-1] + fmt.Sprint(digit)
			last := correct[len(correct)-1]
			if prefix, serial, isLink := strings.Cut(correct, "/21/"); isLink {
				number, last = prefix[:len(prefix)-1]+fmt.Sprint(digit)+"/21/"+serial, prefix[len(prefix)-1]
			}
			want := (int(last-'0')-digit)%2 == 0
			data := sample(t, ev, changes(set(path, `"`+number+`"`)))
			if got := complete.check(t, data) == nil; got != want {
				t.Errorf("%s %s: valid %v, want %v", path, number, got, want)
			}
		}
	}
	if complete.check(t, base) != nil {
		t.Error("the sample is not valid")
	}
}
