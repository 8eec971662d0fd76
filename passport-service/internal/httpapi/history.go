package httpapi

import (
	"context"
	"time"

	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/pkg/rest"
)

// PassportVersion is a version of a passport as a caller reads it. Only the owner
// and admins read who wrote it, the reason, and the hashes, which cover all data.
type PassportVersion struct {
	PassportID   string          `json:"passportId" format:"uuid" doc:"id of the passport"`
	Version      int64           `json:"version" doc:"number of the version, from 1"`
	State        passport.State  `json:"state" enum:"draft,active,inactive,archived,ceased,voided" doc:"state of the passport in this version: draft: not published; active: published; inactive: replaced by the passport of a successor battery; archived: withdrawn by the owner; ceased: the battery was recycled; voided: declared false by an admin"`
	Owner        *passport.Owner `json:"owner,omitempty" doc:"owner of the passport; only for the owner and admins"`
	Data         Data            `json:"data" doc:"attributes of this version that the caller may read"`
	Action       passport.Action `json:"action" enum:"create,replace,patch,publish,archive,void" doc:"operation that created the version; create: the draft was created; replace: all data was replaced; patch: data was patched; publish: the passport was published; archive: the passport was archived; void: an admin declared the passport void"`
	Reason       string          `json:"reason,omitempty" doc:"reason for the change; only for the owner and admins"`
	CreatedAt    time.Time       `json:"createdAt" doc:"when the version was created; later than the previous version"`
	CreatedBy    string          `json:"createdBy,omitempty" format:"uuid" doc:"id of the account that created the version; only for the owner and admins"`
	DataHash     string          `json:"dataHash,omitempty" doc:"SHA-256 of data in canonical form (RFC 8785), in hex; only for the owner and admins"`
	PreviousHash *string         `json:"previousHash,omitzero" nullable:"false" doc:"hash of the previous version, empty in version 1; only for the owner and admins"`
	Hash         string          `json:"hash,omitempty" doc:"SHA-256 of this record without hash in canonical form (RFC 8785), in hex; only for the owner and admins"`
}

func newPassportVersion(v passport.VersionView) PassportVersion {
	out := PassportVersion{PassportID: v.PassportID, Version: v.Number, State: v.State, Data: Data{v.Data}, Action: v.Action, CreatedAt: v.CreatedAt}
	if v.Access.Owner {
		out.Owner, out.Reason, out.CreatedBy = &v.Owner, v.Reason, v.CreatedBy
		out.DataHash, out.PreviousHash, out.Hash = v.DataHash, &v.PreviousHash, v.Hash
	}
	return out
}

type versionsInput struct {
	PassportID
	rest.Paging
}

type versionsOutput struct {
	Body rest.List[PassportVersion]
}

type versionInput struct {
	PassportID
	Version int64 `path:"version" minimum:"1" doc:"number of the version, from 1"`
}

type versionOutput struct {
	Body PassportVersion
}

func (a *API) versions(ctx context.Context, in *versionsInput) (*versionsOutput, error) {
	page, err := a.Passports.History(ctx, in.ID, in.Cursor, in.Limit)
	out := &versionsOutput{rest.List[PassportVersion]{NextCursor: page.Next}}
	for _, v := range page.Versions {
		out.Body.Items = append(out.Body.Items, newPassportVersion(v))
	}
	return out, err
}

func (a *API) version(ctx context.Context, in *versionInput) (*versionOutput, error) {
	v, err := a.Passports.Version(ctx, in.ID, in.Version)
	return &versionOutput{newPassportVersion(v)}, err
}

type diffInput struct {
	PassportID
	From int64 `query:"from" minimum:"1" doc:"number of the version with the old values; default: the version before that in to"`
	To   int64 `query:"to" minimum:"1" doc:"number of the version with the new values; default: the newest version"`
}

type diffOutput struct {
	Body passport.VersionDiff
}

func (a *API) diff(ctx context.Context, in *diffInput) (*diffOutput, error) {
	d, err := a.Passports.Diff(ctx, in.ID, in.From, in.To)
	return &diffOutput{d}, err
}

type verifyOutput struct {
	Body passport.HistoryVerification
}

func (a *API) verify(ctx context.Context, in *PassportID) (*verifyOutput, error) {
	v, err := a.Passports.Verify(ctx, in.ID)
	return &verifyOutput{v}, err
}
