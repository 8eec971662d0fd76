package httpapi

import (
	"context"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

// Version is a version as it is answered. Who does not keep the passport is not
// told who wrote it and why, nor its hashes: they are those of all of it.
type Version struct {
	PassportID   string          `json:"passportId"`
	Version      int64           `json:"version"`
	State        passport.State  `json:"state" enum:"draft,active,inactive,archived,ceased"`
	Owner        *passport.Owner `json:"owner,omitempty"`
	Data         Data            `json:"data"`
	Action       passport.Action `json:"action" enum:"create,replace,patch,publish,archive"`
	Reason       string          `json:"reason,omitempty"`
	CreatedAt    time.Time       `json:"createdAt" doc:"later than that of the version before"`
	CreatedBy    string          `json:"createdBy,omitempty"`
	DataHash     string          `json:"dataHash,omitempty" doc:"SHA-256 of data in the form of RFC 8785, in hex"`
	PreviousHash *string         `json:"previousHash,omitzero" nullable:"false" doc:"hash of the version before, empty in the first"`
	Hash         string          `json:"hash,omitempty" doc:"SHA-256 of this record without its hash, in the form of RFC 8785, in hex"`
}

func versionOf(v passport.VersionView) Version {
	out := Version{PassportID: v.PassportID, Version: v.Number, State: v.State, Data: Data{v.Data}, Action: v.Action, CreatedAt: v.CreatedAt}
	if v.Access.Owner {
		out.Owner, out.Reason, out.CreatedBy = &v.Owner, v.Reason, v.CreatedBy
		out.DataHash, out.PreviousHash, out.Hash = v.DataHash, &v.PreviousHash, v.Hash
	}
	return out
}

type versionsInput struct {
	ID string `path:"id"`
	rest.Paging
}

type versionsOutput struct {
	Body rest.List[Version]
}

type versionInput struct {
	ID      string `path:"id"`
	Version int64  `path:"version" minimum:"1"`
}

type versionOutput struct {
	Body Version
}

func (a *API) versions(ctx context.Context, in *versionsInput) (*versionsOutput, error) {
	page, err := a.Passports.History(ctx, in.ID, in.Cursor, in.Limit)
	out := &versionsOutput{rest.List[Version]{NextCursor: page.Next}}
	for _, v := range page.Versions {
		out.Body.Items = append(out.Body.Items, versionOf(v))
	}
	return out, err
}

func (a *API) version(ctx context.Context, in *versionInput) (*versionOutput, error) {
	v, err := a.Passports.Version(ctx, in.ID, in.Version)
	return &versionOutput{versionOf(v)}, err
}

type diffInput struct {
	ID   string `path:"id"`
	From int64  `query:"from" minimum:"1" doc:"a version; the one before the other where it is left out"`
	To   int64  `query:"to" minimum:"1" doc:"a version; the newest where it is left out"`
}

type diffOutput struct {
	Body passport.VersionDiff
}

func (a *API) diff(ctx context.Context, in *diffInput) (*diffOutput, error) {
	d, err := a.Passports.Diff(ctx, in.ID, in.From, in.To)
	return &diffOutput{d}, err
}

type passportInput struct {
	ID string `path:"id"`
}

type verifyOutput struct {
	Body passport.HistoryVerification
}

func (a *API) verify(ctx context.Context, in *passportInput) (*verifyOutput, error) {
	v, err := a.Passports.Verify(ctx, in.ID)
	return &verifyOutput{v}, err
}
