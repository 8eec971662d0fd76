package passport

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/wire"
)

// TestVerifyIsBounded verifies a history that has too many versions for one request.
// Requests continue where the last one stopped, also after a change and after an error, but
// for ten minutes only. A complete verification is not used again.
func TestVerifyIsBounded(t *testing.T) {
	ctx, s := newService(t)
	now := time.Now()
	s.Now = func() time.Time { return now }
	const versions = 2*maxVerifiedVersions + 50
	id := longHistory(ctx, t, s, versions, `{}`)
	check := func(want HistoryVerification) {
		t.Helper()
		got, err := s.Verify(ctx, id)
		if want.PassportID, want.Hash = id, got.Hash; err != nil || !cmp.Equal(got, want) || (got.Intact != nil && *got.Intact) != (got.Hash != "") {
			t.Fatalf("%v\n%s", err, cmp.Diff(want, got))
		}
	}
	check(HistoryVerification{Versions: versions, Verified: maxVerifiedVersions})
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if v, err := s.Verify(canceled, id); err == nil {
		t.Fatalf("canceled: got %+v", v)
	}
	check(HistoryVerification{Versions: versions, Verified: 2 * maxVerifiedVersions})
	if _, err := s.Patch(ctx, id, wire.Value(`{"data":{"generalInformation":{"batteryMass":7}}}`)); err != nil {
		t.Fatal(err)
	}
	check(HistoryVerification{Versions: versions + 1, Verified: versions + 1, Complete: true, Intact: new(true)})

	check(HistoryVerification{Versions: versions + 1, Verified: maxVerifiedVersions})
	if _, err := s.Versions.Update(ctx, versionID(id, 500), func(v *Version) (store.Change, error) { v.Reason = "forged"; return store.Change{}, nil }); err != nil {
		t.Fatal(err)
	}
	now = now.Add(verificationAge)
	check(HistoryVerification{Versions: versions + 1, Verified: 499, Complete: true, Intact: new(false), BrokenAt: 500, Reason: "the record does not match hash"})
}

// TestUnfinishedVerificationsAreBounded stores more progress than is remembered: the oldest
// is forgotten. Progress of another passport with the same id is not used.
func TestUnfinishedVerificationsAreBounded(t *testing.T) {
	now := time.Now()
	var v verifications
	passport := func(i int) *Passport {
		return &Passport{ID: strconv.Itoa(i), CreatedAt: now, Head: Version{Number: 10}}
	}
	for i := range maxVerifications + 2 {
		at := v.take(passport(i), now.Add(time.Duration(i)))
		at.number = 5
		v.put(strconv.Itoa(i), at)
	}
	for i, want := range map[int]int64{0: 0, 1: 0, 2: 5, maxVerifications + 1: 5} {
		if at := v.take(passport(i), now); at.number != want {
			t.Errorf("passport %d: got version %d, want %d", i, at.number, want)
		}
	}
	other := passport(3)
	other.CreatedAt = now.Add(time.Second)
	if at := v.take(other, now); at.number != 0 {
		t.Errorf("another passport with the id: got version %d, want the beginning", at.number)
	}
}

// longHistory stores a draft with versions of the same data and returns its id.
func longHistory(ctx context.Context, t *testing.T, s *Service, versions int64, data string) string {
	t.Helper()
	view, _, err := s.Create(ctx, wire.Value(`{"data":{}}`), NoIdentifier, "")
	if err != nil {
		t.Fatal(err)
	}
	var writes []store.Write[Version]
	head := view.Head
	for number := int64(1); number <= versions; number++ {
		previous := head.Hash
		if number == 1 {
			previous = ""
		}
		head.Number, head.Data, head.CreatedAt = number, wire.Value(data), view.CreatedAt.Add(time.Duration(number-1)*time.Millisecond)
		if err := head.seal(previous); err != nil {
			t.Fatal(err)
		}
		writes = append(writes, store.Write[Version]{ID: head.id(), Doc: head})
	}
	for len(writes) > 1 {
		n := min(len(writes)-1, 10)
		if errs, err := s.Versions.InsertMany(ctx, writes[:n]); err != nil || errs[0] != nil {
			t.Fatal(err, errs[0])
		}
		writes = writes[n:]
	}
	if _, err := s.Passports.Update(ctx, view.ID, func(p *Passport) (store.Change, error) { p.Head = head; return store.Change{}, nil }); err != nil {
		t.Fatal(err)
	}
	return view.ID
}
