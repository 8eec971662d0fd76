package main

import "embed"

// files are the documents to upload.
//
//go:embed files
var files embed.FS

const password = "correct horse battery"

// person has an account and creates passports.
type person struct {
	email, role, organisation string
	manager                   bool // of the organisation
	passports                 []sample
}

// sample is a passport of package samples and its documents.
type sample struct {
	file      string
	draft     bool // not published
	documents []document
}

type document struct {
	file, fileType, kind, accessClass, description string
}

const (
	maker      = "nordlicht-battery"
	secondLife = "zweitleben-energie"
)

// organisations are created before the accounts that belong to them.
var organisations = []organisation{
	{maker, "Nordlicht Batterie GmbH", "https://nordlicht.example"},
	{secondLife, "Zweitleben Energie GmbH", "https://zweitleben.example"},
}

// programs are the API clients, one of each organisation with accounts.
var programs = []program{{"ERP", "operator", maker}, {"Battery gateway", "operator", secondLife}}

type program struct {
	Name         string `json:"name"`
	Role         string `json:"role"`
	Organisation string `json:"organisation"`
}

type organisation struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	WebAddress string `json:"webAddress"`
}

var people = []person{
	{email: "ada@nordlicht.example", role: "operator", organisation: maker, passports: []sample{
		{file: "ev-nmc-complete.json", documents: []document{
			{"eu-declaration-of-conformity.pdf", "application/pdf", "declaration-of-conformity", "public", "EU declaration of conformity"},
			{"test-report.pdf", "application/pdf", "test-report", "authority", "Test results for the declaration of conformity"},
			{"dismantling.txt", "text/plain", "dismantling-manual", "owner", "Dismantling instructions"},
		}},
		{file: "ev-nmc-minimum-2027.json", draft: true}, {file: "ev-nmc-first-life.json"}, {file: "ev-lfp-in-use.json"},
		{file: "lmt-ebike.json"}, {file: "industrial-stationary-lfp.json"}, {file: "industrial-lead-acid.json"},
	}},
	{email: "ute@nordlicht.example", role: "user", organisation: maker},
	{email: "maja@nordlicht.example", role: "user", organisation: maker, manager: true},
	{email: "sven@zweitleben.example", role: "operator", organisation: secondLife, passports: []sample{
		{file: "lmt-ebike-reused.json"}, {file: "industrial-repurposed.json"}, {file: "ev-remanufactured.json"},
	}},
	{email: "mia@zweitleben.example", role: "user", organisation: secondLife},
	{email: "max@zweitleben.example", role: "operator", organisation: secondLife, manager: true},
	{email: "lina@recycling.example", role: "legitimate_interest"},
	{email: "amt@marktaufsicht.example", role: "authority"},
}
