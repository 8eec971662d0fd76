package event

import "time"

// UserRegistered is sent when an account was created.
type UserRegistered struct {
	UserID       string    `json:"userId"`
	Email        string    `json:"email"`
	Role         string    `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
	RegisteredAt time.Time `json:"registeredAt"`
}

// UserUpdated is sent when an admin changed an account. It describes the account
// after the change.
type UserUpdated struct {
	UserID       string    `json:"userId"`
	Email        string    `json:"email"`
	Role         string    `json:"role"`
	Organisation string    `json:"organisation,omitempty"`
	Disabled     bool      `json:"disabled"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// UserTopics returns the topics of events about accounts.
func UserTopics() []string { return []string{UserRegistered{}.Topic(), UserUpdated{}.Topic()} }

func (UserRegistered) Topic() string { return "user.registered" }
func (UserUpdated) Topic() string    { return "user.updated" }
