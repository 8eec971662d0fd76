package httpapi_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/auth"
)

func set(path, value string) string {
	return `{"op":"add","path":"/data/` + path + `","value":` + value + `}`
}

func cut(path string) string { return `{"op":"remove","path":"/data/` + path + `"}` }

// secondLife is what makes the original of a sample one that is re-used, after
// it was waste, by the same operator.
var secondLife = []string{
	set("generalInformation/batteryStatus", `"re-used"`), set("generalInformation/economicOperatorInformation/role", `"reuseOperator"`),
	set("lifecycle/statusHistory/-", `{"status":"re-used","since":"2026-11-20","operatorIdentifier":"9521000001015"}`),
	set("lifecycle/previousPassports", `[{"operation":"preparationForReuse","noPassportReason":"notInScopeBefore"}]`),
}

// pairs are changes of what is not public.
var pairs = map[string][]string{
	"second life": secondLife,
	"waste": {
		set("generalInformation/batteryStatus", `"waste"`), set("generalInformation/economicOperatorInformation/role", `"wasteManagementOperator"`),
		set("lifecycle/statusHistory/-", `{"status":"waste","since":"2026-11-20","operatorIdentifier":"9521000001015"}`),
		set("lifecycle/wasteTransfer", `{"role":"producer","operatorIdentifier":"9521000001015","date":"2026-11-20"}`),
	},
	"readings": {
		set("batteryCondition/usage", `{"measuredAt":"2026-11-22T00:00:00Z","source":"bms","fullCycles":812,"negativeEvents":[{"eventDate":"2026-11-21","type":"fire"}]}`),
		set("batteryCondition/stateOfHealth/stateOfHealthPercent", `99.5`),
	},
	"composition":  {set("materialComposition/materials/0/materialName", `"Another"`), cut("materialComposition/materials/1/casNumber")},
	"dismantling":  {set("circularity/dismantlingInformation/tools", `["Laser"]`), set("circularity/spareParts/0/supplierName", `"Another"`), set("circularity/safetyMeasures/measures", `["Run"]`)},
	"test reports": {set("labelsAndConformity/testReports", `[{"reportIdentifier":"1","title":"2","documentUrl":"https://a.example/3"}]`)},
	"dates":        {set("generalInformation/placingOnMarketDate", `"2026-11-01"`), cut("performanceAndDurability/expectedLifetimeYears")},
	"less":         {cut("lifecycle"), cut("generalInformation/puttingIntoServiceDate")},
}

// TestThePublicCannotTellPairsApart: worlds in which a passport differs in what
// is not public give the same answers to the public, byte for byte, whatever is
// asked, and to authorities and those with a legitimate interest in lists.
func TestThePublicCannotTellPairsApart(t *testing.T) {
	plain := told(t, nil, "")
	for name, ops := range pairs {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(plain, told(t, ops, "")); diff != "" {
				t.Errorf("published so (-plain +so)\n%s", diff)
			}
		})
	}
	t.Run("changed later", func(t *testing.T) {
		const patch = `{"reason":"x","data":{"batteryCondition":{"usage":{"measuredAt":"2026-11-22T00:00:00Z","source":"bms"}},"lifecycle":{"repairHistory":[{"date":"2026-11-22","description":"Fan"}]}}}`
		if diff := cmp.Diff(plain, told(t, nil, patch)); diff != "" {
			t.Errorf("(-plain +changed)\n%s", diff)
		}
	})
}

// told is everything that the public of a world is told.
func told(t *testing.T, ops []string, later string) map[string]string {
	t.Helper()
	w := newWorld(t, catalogue(t, nil))
	const a, b = "01a20000-0000-7000-8000-000000000001", "01a20000-0000-7000-8000-000000000002"
	w.must(201, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", ops...))
	w.must(201, "POST /api/passports", auth.Operator, body(t, "lmt-ebike.json"))
	w.must(200, "POST /api/passports/"+a+"/publish", auth.Operator, "")
	w.must(200, "POST /api/passports/"+b+"/publish", auth.Operator, "")
	if later != "" {
		w.must(200, "PATCH /api/passports/"+a, auth.Operator, later)
	}
	answers := map[string]string{}
	ask := func(role auth.Role, route, body string, headers ...string) string {
		answers[string(role)+" "+route+" "+strings.Join(headers, " ")] = w.ask(route, role, body, headers...)
		return answers[string(role)+" "+route+" "+strings.Join(headers, " ")]
	}
	public := ask("", "GET /api/public/passports/"+a, "")
	tag := regexp.MustCompile(`Etag: (.*)\r`).FindStringSubmatch(public)
	if tag == nil || !strings.HasPrefix(public, "200") {
		t.Fatal(public)
	}
	for _, route := range []string{
		"HEAD /api/public/passports/" + a, "GET /api/public/passports?identifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X",
		"GET /api/public/passports/none", "GET /api/public/passports/" + a + "?at=2026", "GET /api/public/passports?identifier=x&batteryStatus=waste", "GET /api/passports/" + a,
	} {
		ask("", route, "")
		ask("", route, "", "If-None-Match", tag[1])
		ask("", route, "", "Accept-Encoding", "gzip")
	}
	for _, path := range []string{"", "/versions", "/versions/1", "/diff", "/verify", "/compliance", "?at=2026-11-23T12:00:01Z"} {
		ask(auth.User, "GET /api/passports/"+a+path, "")
	}
	for _, write := range []string{"PATCH ", "PUT ", "DELETE "} {
		ask(auth.User, write+"/api/passports/"+a, `{"data":{}}`)
	}
	for _, role := range []auth.Role{auth.LegitimateInterest, auth.Authority} {
		for _, query := range []string{"", "?sort=createdAt", "?limit=1", "?state=active", "?state=archived", "?batteryCategory=EV", "?modelId=NL-82N&sort=-createdAt",
			"?batteryIdentifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X", "?createdBy=operator", "?batteryStatus=waste"} {
			page := ask(role, "GET /api/passports"+query, "")
			if cursor := regexp.MustCompile(`"nextCursor":"([^"]+)"`).FindStringSubmatch(page); cursor != nil {
				ask(role, "GET /api/passports"+query+"&cursor="+cursor[1], "")
			}
		}
	}
	return answers
}
