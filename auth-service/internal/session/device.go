package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// DeviceLifetime is how long a device token is valid; each login and refresh issues a new
// one.
const DeviceLifetime = 90 * 24 * time.Hour

// Device is a device on which an account was logged in to before, as its device token
// proves. The token gives no access: it separates the password attempts of the device
// from those of others. It is bound to the account, to the epoch of its sessions, and to
// the session that it was issued for. So a session has one device, however often it is
// refreshed, and a password change ends all devices. The service does not store devices:
// each instance can verify the signature of a token.
//
// The zero Device is unknown: it belongs to no account.
type Device struct {
	session [idSize]byte
	account [idSize]byte // hash of its id
	epoch   int64
	expires int64 // seconds since 1970
}

const deviceSize = 2*idSize + 8 + 8

// IssueDevice returns the device token of a session.
func (s *Service) IssueDevice(session, account string, epoch int64) (string, error) {
	key, err := s.Key()
	if err != nil {
		return "", err
	}
	d := Device{account: accountHash(account), epoch: epoch, expires: s.Now().Add(DeviceLifetime).Unix()}
	if n, err := encoding.Decode(d.session[:], []byte(session)); err != nil || n != idSize {
		return "", errInvalidToken()
	}
	data := d.encode()
	return encoding.EncodeToString(append(data, keyedHash(key, "device", data)[:tagSize]...)), nil
}

// ParseDevice returns the device of a device token. It is unknown if the token was not
// issued by this service or has expired.
func (s *Service) ParseDevice(text string) (d Device, err error) {
	key, err := s.Key()
	if err != nil {
		return d, err
	}
	data, err := encoding.DecodeString(text)
	if err != nil || len(data) != deviceSize+tagSize || !hmac.Equal(data[deviceSize:], keyedHash(key, "device", data[:deviceSize])[:tagSize]) {
		return d, nil
	}
	rest := data[copy(d.session[:], data):]
	rest = rest[copy(d.account[:], rest):]
	d.epoch, d.expires = int64(binary.BigEndian.Uint64(rest)), int64(binary.BigEndian.Uint64(rest[8:]))
	if s.Now().Unix() >= d.expires {
		return Device{}, nil
	}
	return d, nil
}

func (d Device) encode() []byte {
	data := append(d.session[:], d.account[:]...)
	data = binary.BigEndian.AppendUint64(data, uint64(d.epoch))
	return binary.BigEndian.AppendUint64(data, uint64(d.expires))
}

// ID returns the id of the device, which is that of its session, or "" if it is unknown.
func (d Device) ID() string {
	if d == (Device{}) {
		return ""
	}
	return encoding.EncodeToString(d.session[:])
}

// BelongsTo reports whether the device is one of the account, in the current epoch of its
// sessions.
func (d Device) BelongsTo(account string, epoch int64) bool {
	return d != (Device{}) && d.account == accountHash(account) && d.epoch == epoch
}

func accountHash(id string) (h [idSize]byte) {
	sum := sha256.Sum256([]byte(id))
	copy(h[:], sum[:])
	return h
}
