package notification

import (
	"context"
	"slices"
	"time"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/store"
)

// recipient is an account that gets a notification, as a member of the audiences.
type recipient struct {
	AccountProjection
	audiences []Audience // empty: it is addressed to the account
}

// recipients are the recipients of a notification. The first has the text file.
type recipients []recipient

func (rs *recipients) add(a AccountProjection, audiences ...Audience) {
	i := slices.IndexFunc(*rs, func(r recipient) bool { return r.ID == a.ID })
	switch {
	case i < 0:
		*rs = append(*rs, recipient{a, audiences})
	case len((*rs)[i].audiences) > 0: // otherwise it is addressed to the account anyway
		(*rs)[i].audiences = append((*rs)[i].audiences, audiences...)
	}
}

// OwnerProjection is the owner of a passport or document: the account that created or
// uploaded it, and its organisation.
type OwnerProjection struct {
	UserID       string `json:"userId"`
	Organisation string `json:"organisation,omitempty"`
}

// OwnerSchema is the store schema of owners.
func OwnerSchema() store.Schema[OwnerProjection] {
	return store.Schema[OwnerProjection]{Name: "notification_subjects", Version: 2}
}

// eventRecipients returns the recipients of an event: the account that it is about, or the
// owner of the passport or document; and all admins. If an organisation is the owner, these are the
// people who belong to it at the time of the event.
func (l *lookup) eventRecipients(ctx context.Context, e event.Envelope, p payload) (recipients, error) {
	var all recipients
	if err := l.addConcerned(ctx, &all, e, p); err != nil {
		return nil, err
	}
	accounts, err := l.list(ctx, admins, store.Query{Filters: map[string]string{"role": string(auth.Admin)}})
	for _, a := range accounts {
		all.add(a, admins)
	}
	return all, err
}

// addConcerned adds the people whom an event concerns.
func (l *lookup) addConcerned(ctx context.Context, all *recipients, e event.Envelope, p payload) error {
	key := subjectKey(e.Type)
	if key == "userId" {
		return l.addUser(ctx, all, p.string(key))
	}
	owner, err := l.owner(ctx, key, p)
	if err != nil {
		return err
	}
	actor := p.first(actorKeys)
	if actor == "" {
		actor = p.first(ownerKeys)
	}
	if owner.Organisation != "" {
		return l.addMembers(ctx, all, e, owner, actor)
	}
	if owner.UserID == "" { // the event that names the owner has not arrived
		owner.UserID = actor
	}
	return l.addUser(ctx, all, owner.UserID)
}

func (l *lookup) addUser(ctx context.Context, all *recipients, id string) error {
	if id == "" {
		return nil
	}
	a, err := l.account(ctx, id)
	if err == nil {
		all.add(a)
	}
	return err
}

// addMembers adds the people of an organisation: the account that acted, the one that
// created or uploaded the subject, and all others.
func (l *lookup) addMembers(ctx context.Context, all *recipients, e event.Envelope, owner OwnerProjection, actor string) error {
	ids, err := l.organisationIDs(ctx, owner.Organisation)
	if err != nil {
		return err
	}
	audience := organisationAudience(owner.Organisation)
	for _, user := range []string{owner.UserID, actor} {
		if user == "" {
			continue
		}
		a, err := l.account(ctx, user)
		if err != nil {
			return err
		}
		// The account that acted belonged to the organisation, even if the event that
		// says so has not arrived. If it does not belong to it, it cannot read the notification.
		if user == actor || a.Sequence == 0 || a.belongedTo(ids, e.Time) {
			all.add(a, audience)
		}
	}
	accounts, err := l.list(ctx, audience, store.Query{AnyOf: store.AnyOf{Filter: "organisation", Values: ids}})
	for _, a := range accounts {
		if a.belongedTo(ids, e.Time) && !slices.ContainsFunc(*all, func(r recipient) bool { return r.ID == a.ID }) {
			all.add(a, audience)
		}
	}
	return err
}

// belongedTo reports whether the account belongs to one of the organisations, and has since a
// time.
func (a AccountProjection) belongedTo(organisations []string, since time.Time) bool {
	return slices.Contains(organisations, a.Organisation) && !since.Before(a.OrganisationSince)
}
