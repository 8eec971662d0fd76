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

func remove(path string) string { return `{"op":"remove","path":"/data/` + path + `"}` }

// restrictedChanges are changes of attributes that are not public.
var restrictedChanges = map[string][]string{
	"second life": {
		set("generalInformation/batteryStatus", `"re-used"`), set("generalInformation/economicOperatorInformation/role", `"reuseOperator"`),
		set("lifecycle/statusHistory/-", `{"status":"re-used","since":"2026-11-20","operatorIdentifier":"9521000001015"}`),
		set("lifecycle/previousPassports", `[{"operation":"preparationForReuse","noPassportReason":"notInScopeBefore"}]`),
	},
	"waste": {
		set("generalInformation/batteryStatus", `"waste"`), set("generalInformation/economicOperatorInformation/role", `"wasteManagementOperator"`),
		set("lifecycle/statusHistory/-", `{"status":"waste","since":"2026-11-20","operatorIdentifier":"9521000001015"}`),
		set("lifecycle/wasteTransfer", `{"role":"producer","operatorIdentifier":"9521000001015","date":"2026-11-20"}`),
	},
	"readings": {
		set("batteryCondition/usage", `{"measuredAt":"2026-11-22T00:00:00Z","source":"bms","fullCycles":812,"negativeEvents":[{"eventDate":"2026-11-21","type":"fire"}]}`),
		set("batteryCondition/stateOfHealth/stateOfHealthPercent", `99.5`),
	},
	"composition":  {set("materialComposition/materials/0/materialName", `"Another"`), remove("materialComposition/materials/1/casNumber")},
	"dismantling":  {set("circularity/dismantlingInformation/tools", `["Laser"]`), set("circularity/spareParts/0/supplierName", `"Another"`), set("circularity/safetyMeasures/measures", `["Run"]`)},
	"test reports": {set("labelsAndConformity/testReports", `[{"reportIdentifier":"1","title":"2","documentUrl":"https://a.example/3"}]`)},
	"dates":        {set("generalInformation/placingOnMarketDate", `"2026-11-01"`), remove("performanceAndDurability/expectedLifetimeYears")},
	"removals":     {remove("lifecycle"), remove("generalInformation/puttingIntoServiceDate")},
}

// TestPublicResponsesDoNotRevealRestrictedData compares services in which a passport
// differs only in attributes that are not public. All responses to callers with public
// access, and lists for authorities and callers with a legitimate interest, are the
// same byte by byte.
func TestPublicResponsesDoNotRevealRestrictedData(t *testing.T) {
	want := publicResponses(t, nil, "")
	for name, ops := range restrictedChanges {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, publicResponses(t, ops, "")); diff != "" {
				t.Errorf("published with the change (-without +with)\n%s", diff)
			}
		})
	}
	t.Run("changed after publishing", func(t *testing.T) {
		const patch = `{"reason":"x","data":{"batteryCondition":{"usage":{"measuredAt":"2026-11-22T00:00:00Z","source":"bms"}},"lifecycle":{"repairHistory":[{"date":"2026-11-22","description":"Fan"}]}}}`
		if diff := cmp.Diff(want, publicResponses(t, nil, patch)); diff != "" {
			t.Errorf("changed after publishing (-unchanged +changed)\n%s", diff)
		}
	})
}

// publicResponses publishes two passports, one of them with ops applied and patched
// afterwards, and returns the responses to callers who are not the owner, by request.
func publicResponses(t *testing.T, ops []string, patch string) map[string]string {
	t.Helper()
	s := newTestService(t, nil)
	const a, b = "01a20000-0000-7000-8000-000000000001", "01a20000-0000-7000-8000-000000000002"
	s.mustDo(201, "POST /api/passports", auth.Operator, body(t, "ev-nmc-complete.json", ops...))
	s.mustDo(201, "POST /api/passports", auth.Operator, body(t, "lmt-ebike.json"))
	s.mustDo(200, "POST /api/passports/"+a+"/publish", auth.Operator, "")
	s.mustDo(200, "POST /api/passports/"+b+"/publish", auth.Operator, "")
	if patch != "" {
		s.mustDo(200, "PATCH /api/passports/"+a, auth.Operator, patch)
	}
	responses := map[string]string{}
	do := func(role auth.Role, route, body string, headers ...string) string {
		response := s.do(route, role, body, headers...)
		responses[string(role)+" "+route+" "+strings.Join(headers, " ")] = response
		return response
	}
	public := do("", "GET /api/public/passports/"+a, "")
	tag := regexp.MustCompile(`Etag: (.*)\r`).FindStringSubmatch(public)
	if tag == nil || !strings.HasPrefix(public, "200") {
		t.Fatal(public)
	}
	for _, route := range []string{
		"HEAD /api/public/passports/" + a, "GET /api/public/passports?identifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X",
		"GET /api/public/passports/none", "GET /api/public/passports/" + a + "?at=2026", "GET /api/public/passports?identifier=x&batteryStatus=waste", "GET /api/passports/" + a,
	} {
		do("", route, "")
		do("", route, "", "If-None-Match", tag[1])
		do("", route, "", "Accept-Encoding", "gzip")
	}
	for _, path := range []string{"", "/versions", "/versions/1", "/diff", "/verify", "/compliance", "?at=2026-11-23T12:00:01Z"} {
		do(auth.User, "GET /api/passports/"+a+path, "")
	}
	for _, write := range []string{"PATCH ", "PUT ", "DELETE "} {
		do(auth.User, write+"/api/passports/"+a, `{"data":{}}`)
	}
	for _, role := range []auth.Role{auth.LegitimateInterest, auth.Authority} {
		for _, query := range []string{"", "?sort=createdAt", "?limit=1", "?state=active", "?state=archived", "?batteryCategory=EV", "?modelId=NL-82N&sort=-createdAt",
			"?batteryIdentifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X", "?createdBy=operator", "?batteryStatus=waste"} {
			page := do(role, "GET /api/passports"+query, "")
			if cursor := regexp.MustCompile(`"nextCursor":"([^"]+)"`).FindStringSubmatch(page); cursor != nil {
				do(role, "GET /api/passports"+query+"&cursor="+cursor[1], "")
			}
		}
	}
	return responses
}
