package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// TestProductionRequiresUsers runs against servers that require a login or not, and know users
// or not. In production, both are required: otherwise no connection string is written.
func TestProductionRequiresUsers(t *testing.T) {
	const open, noUsers = "accepts clients without a login", "does not support users"
	for name, test := range map[string]struct {
		environment string
		codes       map[string]int32 // of commands that fail
		want        string           // error
	}{
		"login and users":          {"production", map[string]int32{"listDatabases": unauthorized}, ""},
		"login and users, again":   {"production", map[string]int32{"listDatabases": unauthorized, "createUser": userExists}, ""},
		"authentication is off":    {"production", nil, open},
		"no users":                 {"production", map[string]int32{"listDatabases": unauthorized, "createUser": commandNotFound}, noUsers},
		"neither":                  {"production", map[string]int32{"createUser": commandNotFound}, open},
		"no listDatabases":         {"production", map[string]int32{"listDatabases": commandNotFound}, "cannot find out"},
		"neither, in development":  {"development", map[string]int32{"createUser": commandNotFound}, ""},
		"no login, in development": {"development", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("APP_ENV", test.environment)
			t.Setenv("MONGODB_URI", "mongodb://"+serve(t, test.codes)+"/?directConnection=true")
			t.Setenv("USERS_DIR", dir)
			if err := os.Mkdir(filepath.Join(dir, "service"), 0o755); err != nil {
				t.Fatal(err)
			}
			err := run(t.Context())
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "service", "uri")); errors.Is(err, os.ErrNotExist) != (test.want != "") {
				t.Errorf("connection string: %v, want it only without an error", err)
			}
		})
	}
}

// serve starts a server that speaks enough of the protocol of MongoDB for commands without a
// result. Those with a code fail.
func serve(t *testing.T, codes map[string]int32) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for answer(conn, codes) == nil {
				}
			}()
		}
	}()
	return listener.Addr().String()
}

// Operation codes of messages.
const (
	opReply = 1
	opQuery = 2004 // of the first command of a connection
)

// answer reads a command and answers it.
func answer(conn net.Conn, codes map[string]int32) error {
	var head [16]byte // length, request id, id of the request that is answered, operation code
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return err
	}
	body := make([]byte, binary.LittleEndian.Uint32(head[:])-16)
	if _, err := io.ReadFull(conn, body); err != nil {
		return err
	}
	skip, prefix := 5, make([]byte, 5) // flags, type of the section
	if binary.LittleEndian.Uint32(head[12:]) == opQuery {
		skip = 4 + strings.IndexByte(string(body[4:]), 0) + 1 + 8 // flags, collection, two numbers
		prefix = binary.LittleEndian.AppendUint32(make([]byte, 16), 1)
		binary.LittleEndian.PutUint32(head[12:], opReply)
	}
	elements, err := bson.Raw(body[skip:]).Elements()
	if err != nil {
		return err
	}
	reply := bson.D{{Key: "ok", Value: 1}, {Key: "isWritablePrimary", Value: true}, {Key: "minWireVersion", Value: 0}, {Key: "maxWireVersion", Value: 21}, {Key: "helloOk", Value: true}}
	if code := codes[elements[0].Key()]; code != 0 {
		reply = bson.D{{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "errmsg", Value: "no"}}
	}
	document, err := bson.Marshal(reply)
	if err != nil {
		return err
	}
	copy(head[8:12], head[4:8])
	binary.LittleEndian.PutUint32(head[:], uint32(len(head)+len(prefix)+len(document)))
	_, err = conn.Write(append(append(head[:], prefix...), document...))
	return err
}
