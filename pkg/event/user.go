package event

import "time"

// UserRegistered is sent when an account was created.
type UserRegistered struct {
	UserID        string    `json:"userId" format:"uuid" doc:"id of the account"`
	Email         string    `json:"email" format:"email" doc:"email address of the account"`
	Role          string    `json:"role" doc:"role of the account: admin, operator, user, legitimate_interest or authority"`
	Organisation  string    `json:"organisation,omitempty" doc:"id of the organisation of the account; absent if it has none"`
	Manager       bool      `json:"manager,omitzero" doc:"whether the account manages its organisation"`
	EmailVerified bool      `json:"emailVerified" doc:"whether the email address is confirmed, or needs no confirmation; if not, no mail must be sent to it; absent in older events: true"`
	RegisteredAt  time.Time `json:"registeredAt" doc:"time of the registration"`
}

// UserUpdated is sent when an account was changed, or its email address confirmed. It describes the
// account after the change.
type UserUpdated struct {
	UserID        string    `json:"userId" format:"uuid" doc:"id of the account"`
	Email         string    `json:"email" format:"email" doc:"email address of the account"`
	Role          string    `json:"role" doc:"role of the account: admin, operator, user, legitimate_interest or authority"`
	Organisation  string    `json:"organisation,omitempty" doc:"id of the organisation of the account; absent if it has none"`
	Manager       bool      `json:"manager,omitzero" doc:"whether the account manages its organisation"`
	Disabled      bool      `json:"disabled" doc:"whether the account is disabled"`
	EmailVerified bool      `json:"emailVerified" doc:"whether the email address is confirmed, or needs no confirmation; if not, no mail must be sent to it; absent in older events: true"`
	UpdatedAt     time.Time `json:"updatedAt" doc:"time of the change"`
}

// UserDeleted is sent when an account was erased: consumers forget its email address. No
// later event describes the account.
type UserDeleted struct {
	UserID    string    `json:"userId" format:"uuid" doc:"id of the account"`
	DeletedAt time.Time `json:"deletedAt" doc:"time of the deletion"`
}

// UserTopics returns the topics of events about accounts.
func UserTopics() []string {
	return []string{UserRegistered{}.Topic(), UserUpdated{}.Topic(), UserDeleted{}.Topic()}
}

func (UserRegistered) Topic() string { return "user.registered" }
func (UserUpdated) Topic() string    { return "user.updated" }
func (UserDeleted) Topic() string    { return "user.deleted" }
