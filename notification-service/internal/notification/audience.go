package notification

import (
	"slices"

	"github.com/battery-passport/suite/pkg/auth"
)

// An Audience is a group of people who get a notification because they belong to it. The
// recipient of a notification can read it only while it belongs to one of its audiences. A
// notification without audiences is addressed to the recipient.
type Audience string

// admins are the accounts with the role admin.
const admins Audience = "admin"

// organisationPrefix begins the audience of an organisation.
const organisationPrefix = "organisation:"

// organisationAudience is the audience of the people of an organisation.
func organisationAudience(id string) Audience { return Audience(organisationPrefix + id) }

// audiencesOf returns the audiences that a caller belongs to.
func audiencesOf(p auth.Principal) []Audience {
	var all []Audience
	if p.Role == auth.Admin {
		all = append(all, admins)
	}
	for _, id := range p.Organisations() {
		all = append(all, organisationAudience(id))
	}
	return all
}

// scopesOf returns the lists of the notifications that a caller can read.
func scopesOf(p auth.Principal) []string {
	scopes := []string{ownScope(p.UserID)}
	for _, a := range audiencesOf(p) {
		scopes = append(scopes, audienceScope(p.UserID, a))
	}
	return scopes
}

// scopes returns the lists of its recipient that contain a notification.
func (r *Record) scopes() []string {
	if len(r.Audiences) == 0 {
		return []string{ownScope(r.Recipient)}
	}
	var scopes []string
	for _, a := range r.Audiences {
		scopes = append(scopes, audienceScope(r.Recipient, a))
	}
	return scopes
}

// visible reports whether a caller can read the notification.
func (r *Record) visible(p auth.Principal) bool {
	if r.Deleted || r.Recipient == "" || r.Recipient != p.UserID {
		return false
	}
	return len(r.Audiences) == 0 || slices.ContainsFunc(audiencesOf(p), func(a Audience) bool { return slices.Contains(r.Audiences, a) })
}

// audienceScope hashes its parts, because an id may contain any separator.
func audienceScope(user string, a Audience) string { return "audience:" + deriveID(user, string(a)) }
