package passport

import (
	"sync"
	"time"
)

// progress is the verified part of the history of a passport: the versions from 1 to number.
type progress struct {
	created time.Time // of the passport: an id may be used again after a deletion
	begun   time.Time
	number  int64
	hash    string // of version number
}

// verifications holds the progress of unfinished verifications. It is in memory, because an
// attacker who changes the history in the database could also change progress that is stored
// there. Its zero value is empty. It is safe for concurrent use.
type verifications struct {
	mu   sync.Mutex
	byID map[string]progress // by passport id
}

// take removes and returns the progress of a passport, or returns the beginning if it
// is not stored or older than verificationAge.
func (v *verifications) take(p *Passport, now time.Time) progress {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.byID[p.ID]
	delete(v.byID, p.ID)
	if !ok || !at.created.Equal(p.CreatedAt) || now.Sub(at.begun) >= verificationAge || at.number > p.Head.Number {
		return progress{created: p.CreatedAt, begun: now}
	}
	return at
}

// put stores the progress of a passport, unless a concurrent request got further.
func (v *verifications) put(id string, at progress) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if stored, ok := v.byID[id]; ok && stored.number > at.number {
		return
	}
	if v.byID == nil {
		v.byID = map[string]progress{}
	}
	v.byID[id] = at
	if len(v.byID) <= maxVerifications {
		return
	}
	oldest := id
	for other, p := range v.byID {
		if p.begun.Before(v.byID[oldest].begun) {
			oldest = other
		}
	}
	delete(v.byID, oldest)
}
