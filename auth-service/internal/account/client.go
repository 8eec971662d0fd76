package account

import (
	"context"

	"github.com/battery-passport/suite/auth-service/internal/audit"
)

// Client is the client for whom a password is hashed.
type Client struct {
	Class   Class
	Network string
}

// Class is a kind of clients. Each class has a share of the hashes.
type Class int

// The classes of clients.
const (
	KnownDevice  Class = iota // logins from known devices, and users who change their password
	OtherDevice               // other logins
	Registration              // new accounts
)

func (s *Service) clientOf(ctx context.Context, class Class) Client {
	return Client{class, s.Throttle.Network(audit.OriginOf(ctx).Client)}
}

// classOf returns the class of a login: from a device of the account or, if the id is empty,
// from an unknown device.
func classOf(device string) Class {
	if device == "" {
		return OtherDevice
	}
	return KnownDevice
}
