// Package usage counts the passports, versions and bytes of each owner, and refuses writes that
// exceed a quota.
//
// Writes are counted in memory and added to the stored usage about once a second, so that they
// do not wait for each other. Only then do other instances see them, so several instances may
// together exceed a quota during that second. Writes of the last second before an instance is
// killed are not counted.
package usage

import (
	"fmt"
	"strings"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
)

// Amount is an amount of stored passports. Versions includes the newest version of each
// passport, Bytes is the size of the data of all versions.
type Amount struct {
	Passports int64 `json:"passports"`
	Versions  int64 `json:"versions"`
	Bytes     int64 `json:"bytes"`
}

// Plus returns the sum of two amounts.
func (a Amount) Plus(b Amount) Amount {
	return Amount{a.Passports + b.Passports, a.Versions + b.Versions, a.Bytes + b.Bytes}
}

// Minus returns the difference of two amounts.
func (a Amount) Minus(b Amount) Amount {
	return Amount{a.Passports - b.Passports, a.Versions - b.Versions, a.Bytes - b.Bytes}
}

// Write is an amount that an owner adds at a time, or removes if it is negative.
type Write struct {
	Owner  string    // store scope
	At     time.Time // of the creation of the version, or of the deletion
	Amount Amount
}

// Usage is the stored amount of an owner. Total is the result of the last count plus the writes
// since then.
type Usage struct {
	ID         string    `json:"id"` // of the owner
	Total      Amount    `json:"total"`
	Written    Amount    `json:"written"`             // from CountFrom on
	CountFrom  time.Time `json:"countFrom,omitzero"`  // time of the newest count
	CountRunAt time.Time `json:"countRunAt,omitzero"` // beginning of its last run
	CountedAt  time.Time `json:"countedAt,omitzero"`  // when the last count ended
}

// Schema declares how usages are stored.
func Schema() store.Schema[Usage] { return store.Schema[Usage]{Name: "passport_usages", Version: 1} }

// Quotas are the maximum amounts of an organisation, and of an account without one. 0 means
// no limit.
type Quotas struct{ Organisation, User Amount }

// Owners are identified by the store scopes of their passports.
const organisationPrefix = "organisation:"

// check fails with fault.QuotaExceeded if an owner with the amount used cannot add another.
func (q Quotas) check(owner string, used, added Amount) error {
	quota, whose := q.User, "the account"
	if strings.HasPrefix(owner, organisationPrefix) {
		quota, whose = q.Organisation, "the organisation"
	}
	for _, c := range []struct {
		used, added, quota int64
		one, unit          string
	}{
		{used.Passports, added.Passports, quota.Passports, "passport", "passports"},
		{used.Versions, added.Versions, quota.Versions, "version of a passport", "versions of passports"},
		{used.Bytes, added.Bytes, quota.Bytes, "byte of passport data", "bytes of passport data"},
	} {
		if c.quota > 0 && c.added > 0 && c.used+c.added > c.quota {
			unit := c.unit
			if c.used == 1 {
				unit = c.one
			}
			has := fmt.Sprintf("%s has %d %s, the maximum is %d", whose, c.used, unit, c.quota)
			return fault.New(fault.QuotaExceeded, "%s; this adds %d", has, c.added).
				With(fault.Detail{Path: "/data", Code: "quota", Message: "exceeds the quota: " + has})
		}
	}
	return nil
}
