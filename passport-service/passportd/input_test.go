package passportd_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/store/connect"
)

// TestStructureErrorsAreRefused creates a passport for every invalid case. The cases in
// structure-errors.json are refused with exactly the errors there; all others are stored
// as drafts.
func TestStructureErrorsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	type expected struct {
		Case, File string
		Errors     []struct{ Path, Code string }
	}
	var refused struct{ Cases []expected }
	readSample(t, "structure-errors.json", &refused)
	want := map[string][]string{}
	for _, c := range refused.Cases {
		for _, e := range c.Errors {
			want[c.Case+c.File] = append(want[c.Case+c.File], e.Path+" "+e.Code)
		}
	}
	bodies := invalidBodies(t)
	for name, body := range bodies {
		errors, ok := want[name]
		delete(want, name)
		operator := s.as(auth.Operator, name)
		res := s.Call("POST /api/passports", operator, body)
		if ok {
			res.WantProblem(422, errors...)
			continue
		}
		var p apiPassport
		res.Want(201, &p)
		s.Call("DELETE /api/passports/"+p.ID, operator, nil).Want(204, nil) // some cases have the same battery identifier
	}
	for name := range want {
		t.Errorf("case %s of structure-errors.json is unknown", name)
	}
}

// bodyWith returns a body with a JSON value at a path of the data.
func bodyWith(path, value string) string {
	steps := strings.Split(path, ".")
	body := value
	for i := len(steps) - 1; i >= 0; i-- {
		body = fmt.Sprintf("{%q:%s}", steps[i], body)
	}
	return `{"data":` + body + `}`
}

// TestValuesAreCheckedOnWrite checks types, ranges, sizes and names. An empty code means
// that the value is accepted.
func TestValuesAreCheckedOnWrite(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	const mass, cycles, manufacturingPlace, materials = "generalInformation.batteryMass", "performanceAndDurability.expectedLifetimeCycles", "generalInformation.manufacturingPlace", "materialComposition.criticalRawMaterials"
	const minTemperature = "performanceAndDurability.idleTemperatureRange.minC"
	pointer := func(path string) string { return "/data/" + strings.ReplaceAll(path, ".", "/") }
	texts := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(`"x",`, n), ",") + "]" }
	meaning := func(members string) string { return `[{"symbol":"CE","meaning":{` + members + `}}]` }
	for _, c := range []struct{ path, value, code string }{
		{mass, "450", ""}, {mass, "1e3", ""}, {mass, "0.000000001", ""}, {mass, "1e15", ""}, {mass, "123456789012345", ""}, {mass, "12345.6789012345", ""},
		{mass, "1.50000000000000000000", ""}, {mass, "1500000000000000000e-5", ""}, {minTemperature, "-0", ""}, {"batteryCondition.stateOfHealth.selfDischargeEvolutionPercent", "-1e15", ""}, {minTemperature, "0e999", ""},
		{mass, "16800.100000000002", ""}, {mass, "142.33333333333334", ""}, {mass, "0.12345678901234567", ""}, {mass, "1234567890123456", "range"}, {mass, "0.123456789012345678", "range"}, {mass, "1.1e15", "range"}, {mass, "1e-10", "range"}, {mass, "1e400", "range"}, {mass, "1e-400", "range"},
		{minTemperature, "-1e400", "range"}, {minTemperature, "-273.15", ""}, {minTemperature, "-273.16", "range"}, {mass, "0", "range"}, {mass, "-1", "range"}, {mass, `"450"`, "type"}, {mass, "true", "type"}, {mass, "null", "type"}, {mass, "[1]", "type"}, {mass, "{}", "type"},
		{cycles, "3000", ""}, {cycles, "3e3", ""}, {cycles, "3000.0", ""}, {cycles, "3000.5", "type"}, {cycles, "0", "range"},
		{"generalInformation.batteryIdentifier", "4711", "type"}, {"generalInformation.isRechargeable", `"true"`, "type"}, {"generalInformation.isRechargeable", "false", ""},
		{manufacturingPlace, `"` + strings.Repeat("ü", 10_000) + `"`, ""}, {manufacturingPlace, `"` + strings.Repeat("x", 10_001) + `"`, "range"}, {manufacturingPlace, `"` + strings.Repeat("x", 200_000) + `"`, "range"}, {manufacturingPlace, `""`, ""},
		{manufacturingPlace, `"\u0000\u202e"`, ""}, {manufacturingPlace, `{"$gt":""}`, "type"},
		{materials, texts(1000), ""}, {materials, texts(1001), "range"}, {materials, "[]", ""}, {materials, `"Lithium"`, "type"}, {materials, `{"0":"x"}`, "type"},
		{"generalInformation", "[]", "type"}, {"generalInformation", "null", "type"}, {"colour", `"red"`, "unknownField"}, {"generalInformation.batteryModel.colour.deep", "[1,{}]", "unknownField"},
		{"generalInformation.", "1", "unknownField"}, {"GeneralInformation", "{}", "unknownField"},
		{"labelsAndConformity.labelMeanings", meaning(`"en":"x","zz":"y"`), ""},
	} {
		body := bodyWith(c.path, c.value)
		res := s.Call("POST /api/passports", operator, body)
		want := pointer(c.path) + " " + c.code
		if c.code == "unknownField" && strings.HasSuffix(c.path, ".deep") {
			want = strings.TrimSuffix(pointer(c.path), "/deep") + " unknownField"
		}
		if c.code == "" {
			res.Want(201, nil)
		} else {
			res.WantProblem(422, want)
		}
	}
	// Values inside arrays and maps.
	const labels = "/data/labelsAndConformity/labelMeanings/0/meaning"
	for value, want := range map[string]string{
		meaning(`"a.b":"x"`): labels + "/a.b format", meaning(`"$set":"x"`): labels + "/$set format", meaning(`"a\u0000":"x"`): labels + "/a\x00 format",
		meaning(`"a/b~":1`): labels + "/a~1b~0 type",
	} {
		s.Call("POST /api/passports", operator, bodyWith("labelsAndConformity.labelMeanings", value)).WantProblem(422, want)
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = fmt.Sprintf(`"l%d":"x"`, i)
	}
	s.Call("POST /api/passports", operator, bodyWith("labelsAndConformity.labelMeanings", meaning(strings.Join(many, ",")))).WantProblem(422, labels+" range")
	// The response lists at most 1000 errors.
	for i := range many {
		many[i] = fmt.Sprintf(`"f%d":1`, i)
	}
	var p struct{ Errors []any }
	s.Call("POST /api/passports", operator, `{"data":{`+strings.Join(many, ",")+`}}`).Want(422, &p)
	if len(p.Errors) != 1000 {
		t.Errorf("got %d errors, want 1000", len(p.Errors))
	}
}

func TestInvalidRequestsAreRefused(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	p := s.create(operator, draft("https://a.example/1"))
	s.create(operator, draft("https://a.example/2"))
	const post, list = "POST /api/passports", "GET /api/passports"
	put, patch, get := "PUT /api/passports/"+p.ID, "PATCH /api/passports/"+p.ID, "GET /api/passports/"+p.ID
	deep := strings.Repeat(`{"a":`, 12) + "1" + strings.Repeat("}", 12)
	var page struct{ NextCursor string }
	s.Call(list+"?limit=1", operator, nil).Want(200, &page)
	for name, c := range map[string]struct {
		route, body string
		headers     []string
		status      int
		errors      []string
	}{
		"malformed":              {post, `{"data":{"generalInformation":`, nil, 400, []string{"/data/generalInformation syntax"}},
		"empty":                  {post, ``, nil, 400, []string{" syntax"}},
		"wrong content type":     {post, `{}`, []string{"Content-Type", "text/xml"}, 415, []string{"header:Content-Type enum"}},
		"merge patch as PUT":     {put, `{}`, []string{"Content-Type", "application/merge-patch+json"}, 415, []string{"header:Content-Type enum"}},
		"JSON patch as PATCH":    {patch, `[]`, []string{"Content-Type", "application/json-patch+json"}, 415, []string{"header:Content-Type enum"}},
		"two values":             {post, `{"data":{}} {"data":{}}`, nil, 400, []string{" syntax"}},
		"duplicate member":       {post, `{"data":{"generalInformation":{"batteryMass":1,"batteryMass":2}}}`, nil, 400, []string{"/data/generalInformation/batteryMass duplicate"}},
		"duplicate data":         {put, `{"data":{},"data":{}}`, nil, 400, []string{"/data duplicate"}},
		"invalid UTF-8":          {post, "{\"data\":{\"generalInformation\":{\"manufacturingPlace\":\"\xff\"}}}", nil, 400, []string{"/data/generalInformation/manufacturingPlace syntax"}},
		"lone surrogate":         {post, `{"data":{"generalInformation":{"manufacturingPlace":"\ud800"}}}`, nil, 400, []string{"/data/generalInformation/manufacturingPlace syntax"}},
		"2 MB":                   {post, `{"data":{"x":"` + strings.Repeat("x", 2<<20) + `"}}`, nil, 413, nil},
		"1 MiB and a byte":       {post, `{"data":{}}` + strings.Repeat(" ", 1<<20-10), nil, 413, nil},
		"10,000 deep":            {post, `{"data":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000) + `}`, nil, 400, []string{"/data" + strings.Repeat("/0", 15) + " depth"}},
		"12 deep":                {post, `{"data":` + deep + `}`, nil, 422, []string{"/data/a unknownField"}},
		"12 deep patch":          {patch, `{"data":` + deep + `}`, nil, 422, []string{"/data/a unknownField"}},
		"array":                  {post, `[]`, nil, 422, []string{" type"}},
		"text":                   {put, `"data"`, nil, 422, []string{" type"}},
		"null":                   {patch, `null`, nil, 422, []string{" type"}},
		"no data":                {post, `{}`, nil, 422, []string{"/data required"}},
		"PUT without data":       {put, `{}`, nil, 422, []string{"/data required"}},
		"data null":              {post, `{"data":null}`, nil, 422, []string{"/data type"}},
		"data removed":           {patch, `{"data":null}`, nil, 422, []string{"/data type"}},
		"data an array":          {put, `{"data":[]}`, nil, 422, []string{"/data type"}},
		"mass assignment":        {post, `{"data":{"x":1},"id":"x","state":"active","owner":{},"Data":{}}`, nil, 422, []string{"/Data unknownField", "/id readOnly", "/owner readOnly", "/state readOnly", "/data/x unknownField"}},
		"member with a slash":    {post, `{"data":{},"a/b":1}`, nil, 422, []string{"/a~1b unknownField"}},
		"patch of the state":     {patch, `{"state":"active"}`, nil, 422, []string{"/state readOnly"}},
		"patch with an operator": {patch, `{"data":{"$set":{"generalInformation":{}}}}`, nil, 422, []string{"/data/$set unknownField"}},
		"dotted member":          {patch, `{"data":{"generalInformation.batteryMass":9}}`, nil, 422, []string{"/data/generalInformation.batteryMass unknownField"}},
		"null in an array":       {patch, `{"data":{"materialComposition":{"criticalRawMaterials":[null]}}}`, nil, 422, []string{"/data/materialComposition/criticalRawMaterials/0 type"}},
		"unknown parameter":      {list + "?page=1&skip=5", "", nil, 422, []string{"query:page unknownField", "query:skip unknownField"}},
		"parameter of a write":   {post + "?publish=true", `{"data":{}}`, nil, 422, []string{"query:publish unknownField"}},
		"limit 0":                {list + "?limit=0", "", nil, 422, []string{"query:limit range"}},
		"limit 201":              {list + "?limit=201", "", nil, 422, []string{"query:limit range"}},
		"unknown state":          {list + "?state=published", "", nil, 422, []string{"query:state enum"}},
		"unknown sort":           {list + "?sort=id", "", nil, 422, []string{"query:sort enum"}},
		"forged cursor":          {list + "?cursor=" + strings.Repeat("A", 40), "", nil, 400, []string{"query:cursor format"}},
		"cursor of another sort": {list + "?sort=createdAt&cursor=" + page.NextCursor, "", nil, 400, []string{"query:cursor format"}},
		"cursor of a history":    {get + "/versions?cursor=" + page.NextCursor, "", nil, 400, []string{"query:cursor format"}},
		"huge cursor":            {list + "?cursor=" + strings.Repeat("A", 15_000), "", nil, 400, []string{"query:cursor format"}},
		"unknown id":             {"GET /api/passports/4711", "", nil, 404, nil},
		"id not UTF-8":           {"GET /api/passports/%ff", "", nil, 404, nil},
		"query not UTF-8":        {"GET /api/passports?%ff=1", "", nil, 422, []string{"query:\uFFFD format"}},
		"broken query":           {"GET /api/passports?limit=1&cursor=%zz", "", nil, 400, []string{"query syntax"}},
		"repeated filter":        {"GET /api/passports?createdBy=&createdBy=", "", nil, 422, []string{"query:createdBy duplicate"}},
		"id with operators":      {"GET /api/passports/%7B%22$ne%22:1%7D", "", nil, 404, nil},
		"id of a version":        {"GET /api/passports/" + p.ID + "%2F1", "", nil, 404, nil},
		"PUT to unknown id":      {"PUT /api/passports/4711", `{"data":{}}`, nil, 404, nil},
		"version 0":              {get + "/versions/0", "", nil, 422, []string{"path:version range"}},
		"version not a number":   {get + "/versions/first", "", nil, 422, []string{"path:version type"}},
		"version 2 of 1":         {get + "/versions/2", "", nil, 404, nil},
		"time not a date":        {get + "?at=yesterday", "", nil, 422, []string{"query:at format"}},
		"time without zone":      {get + "?at=2026-11-22T10:00:00", "", nil, 422, []string{"query:at format"}},
		"time before version 1":  {get + "?at=2020-01-01T00:00:00Z", "", nil, 404, nil},
		"invalid If-Match":       {put, `{"data":{}}`, []string{"If-Match", "latest"}, 400, []string{"header:If-Match format"}},
		"weak If-Match":          {put, `{"data":{}}`, []string{"If-Match", `W/"1"`}, 412, []string{"header:If-Match weak"}},
		"weak and strong":        {put, `{"data":{}}`, []string{"If-Match", `"7" ,W/"1"`}, 412, []string{"header:If-Match weak"}},
		"stale If-Match":         {put, `{"data":{}}`, []string{"If-Match", `"7"`}, 412, nil},
		"POST to a passport":     {"POST /api/passports/" + p.ID, `{}`, nil, 405, nil},
		"unknown path":           {"GET /api/passport", "", nil, 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s.On(t).Call(c.route, operator, c.body, c.headers...).WantProblem(c.status, c.errors...)
		})
	}
	var all struct{ Items []apiPassport }
	s.Call(list, operator, nil).Want(200, &all)
	if len(all.Items) != 2 || all.Items[0].Version != 1 || all.Items[1].Version != 1 {
		t.Errorf("passports afterwards: got %+v, want 2 in version 1", all.Items)
	}
}

// TestPatchesCannotExceedDataLimit checks that two small patches do not make data larger
// than the limit of a body.
func TestPatchesCannotExceedDataLimit(t *testing.T) {
	s := start(t, connect.Config{Dir: t.TempDir()})
	operator := s.as(auth.Operator, "A")
	entry := `{"symbol":"CE","meaning":{"en":"` + strings.Repeat("x", 10_000) + `"}}`
	big := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat(entry+",", n), ",") + "]" }
	p := s.create(operator, bodyWith("labelsAndConformity.labelMeanings", big(60)))
	report := `{"reportIdentifier":"` + strings.Repeat("x", 10_000) + `","title":"x"}`
	s.Call("PATCH /api/passports/"+p.ID, operator, bodyWith("labelsAndConformity.testReports", "["+strings.TrimSuffix(strings.Repeat(report+",", 60), ",")+"]")).WantProblem(413)
	s.Call("GET /api/passports/"+p.ID, operator, nil).Want(200, &p)
	if p.Version != 1 {
		t.Errorf("got version %d, want 1", p.Version)
	}
}
