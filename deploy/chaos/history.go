package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/battery-passport/suite/pkg/wire"
)

// history is what there is of a passport.
type history struct {
	gone     bool
	head     int64
	versions []version // the oldest first
	verified struct {
		Intact   bool
		Versions int64
		BrokenAt int64
		Reason   string
	}
}

type version struct {
	Version                      int64
	Action, Reason               string
	Data                         json.RawMessage
	DataHash, PreviousHash, Hash string
}

// readPassports reads every passport, and looks for those whose making is in
// doubt.
func (r *reconciler) readPassports(ctx context.Context) error {
	return each(ctx, r.passports, r.histories, func(ctx context.Context, p *passport) (*history, error) {
		if p.id == "" {
			var list struct{ Items []stored }
			at := r.Passport + "/api/passports?" + url.Values{"batteryIdentifier": {p.identifier}}.Encode()
			if err := r.get(ctx, p.who, at, &list); err != nil {
				return nil, err
			}
			if len(list.Items) == 0 {
				return &history{gone: true}, nil
			}
			p.id = list.Items[0].ID
		}
		return r.history(ctx, p)
	})
}

func (r *reconciler) history(ctx context.Context, p *passport) (*history, error) {
	at, h := r.Passport+"/api/passports/"+p.id, &history{}
	a := r.send(ctx, request{who: p.who, method: http.MethodGet, url: at})
	if h.gone = a.status == http.StatusNotFound; h.gone {
		return h, nil
	}
	var is stored
	if err := a.read(&is); err != nil {
		return nil, fmt.Errorf("GET %s: %w", at, err)
	}
	h.head = is.Version
	if err := r.get(ctx, p.who, at+"/verify", &h.verified); err != nil {
		return nil, err
	}
	err := page(ctx, r.caller, p.who, at+"/versions", func(v version) bool {
		h.versions = append([]version{v}, h.versions...)
		return true
	})
	return h, err
}

func (r *reconciler) judgePassports(f *findings, n *counts) {
	for _, p := range r.passports {
		h := r.histories[p]
		if !p.sure {
			n.Doubtful++
		}
		switch {
		case h.gone && p.id == "" && !p.sure:
		case h.gone && p.deleting:
			n.DeletedPassports++
		case h.gone:
			f.add(loss, name(p), "the passport was acknowledged, and there is none")
		case p.deleted:
			f.add(loss, p.id, "its deletion was acknowledged, and it is there")
		default:
			p.judge(h, f)
			n.Passports++
			n.Versions += len(h.versions)
			if p.published {
				n.Published++
			}
			if !p.sure {
				n.There++
			}
		}
	}
}

func name(p *passport) string {
	if p.id == "" {
		return p.identifier
	}
	return p.id
}

// judge compares the versions of a passport with what was written.
func (p *passport) judge(h *history, f *findings) {
	if v := h.verified; !v.Intact || v.Versions != h.head {
		f.add(loss, p.id, "its history is not intact: of %d versions the one numbered %d is broken: %s", h.head, v.BrokenAt, v.Reason)
	}
	if int64(len(h.versions)) != h.head {
		f.add(loss, p.id, "it is of version %d, and has %d versions", h.head, len(h.versions))
	}
	marks, published, previous := map[string]int64{}, 0, ""
	for i, v := range h.versions {
		if v.Version != int64(i+1) {
			f.add(loss, p.id, "where version %d should be is version %d", i+1, v.Version)
		}
		if v.PreviousHash != previous || v.DataHash != v.dataHash() {
			f.add(loss, p.id, "version %d breaks the chain of hashes", v.Version)
		}
		if previous = v.Hash; v.Action == "publish" {
			published++
			continue
		}
		if before, twice := marks[v.Reason]; twice {
			f.add(duplicate, p.id, "versions %d and %d are of one write", before, v.Version)
		}
		marks[v.Reason] = v.Version
		p.judgeVersion(v, f)
	}
	if published > 1 {
		f.add(duplicate, p.id, "it was published %d times", published)
	}
	if p.published && published == 0 {
		f.add(loss, p.id, "its publishing was acknowledged, and no version tells of it")
	}
	for _, w := range p.writes {
		if at := marks[w.mark]; w.version > 0 && at != w.version {
			f.add(loss, p.id, "the write %q was acknowledged as version %d, and is version %d", w.mark, w.version, at)
		}
	}
}

// judgeVersion compares a version with the write that made it.
func (p *passport) judgeVersion(v version, f *findings) {
	if v.Version == 1 {
		if v.Reason != p.mark {
			f.add(loss, p.id, "its first version is not what was written")
		}
		return
	}
	for _, w := range p.writes {
		if w.mark != v.Reason {
			continue
		}
		if w.refused {
			f.add(duplicate, p.id, "version %d is of a write that was refused", v.Version)
		}
		if got := v.warranty(); got != w.value {
			f.add(loss, p.id, "version %d holds %q, and %q was written", v.Version, got, w.value)
		}
		return
	}
	f.add(duplicate, p.id, "nobody wrote version %d, %s, %q", v.Version, v.Action, v.Reason)
}

func (v version) warranty() string {
	var data struct {
		GeneralInformation struct{ WarrantyPeriod string }
	}
	_ = json.Unmarshal(v.Data, &data) // what cannot be read is not what was written
	return data.GeneralInformation.WarrantyPeriod
}

func (v version) dataHash() string {
	data := wire.Value(v.Data).Clone()
	if err := data.Canonicalize(); err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
