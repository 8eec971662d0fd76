package passportd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/battery-passport/suite/passport-service/passportd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/waittest"
)

// openImport sends the header of an import and the beginning of the file over a connection with small buffers.
func openImport(t *testing.T, s *service, token string, length int, begin string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.(*net.TCPConn).SetReadBuffer(32 << 10)
	conn.SetDeadline(time.Now().Add(2 * waittest.Limit))
	fmt.Fprintf(conn, "POST /api/passports/import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", token, ndjson, length, begin)
	return conn
}

// TestSlowClientsOfImports: a client sends a row and then a byte from time to time, another one sends its
// rows and never reads the answers. Both imports end, and the account can begin the next one.
func TestSlowClientsOfImports(t *testing.T) {
	cfg := passportd.Config{Store: connect.Config{Dir: t.TempDir()}}
	cfg.HTTP.Timeouts = rest.Timeouts{Transfer: 300 * time.Millisecond}
	s := startConfigured(t, cfg, authtest.New(t))
	slow, deaf := s.as(auth.Operator, "slow"), s.as(auth.Operator, "deaf")

	conn := openImport(t, s, slow, 1_000_000, draft("https://a.example/slow")+"\n")
	go func() {
		for err := error(nil); err == nil; time.Sleep(100 * time.Millisecond) {
			_, err = io.WriteString(conn, " ")
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if _, sum := parseImport(t, string(text)); sum.Created != 1 || sum.Complete || sum.Error == nil || !strings.Contains(sum.Error.Message, "too slowly") {
		t.Errorf("a byte from time to time: %+v %v", sum, sum.Error)
	}
	if _, sum := s.importFile(slow, "", ndjson, draft("https://a.example/slow")); sum.Unchanged != 1 {
		t.Errorf("the next import: %+v", sum)
	}

	file := draft("https://a.example/deaf") + "\n" + strings.Repeat(`{"a":1,"b":1,"c":1,"d":1}`+"\n", 20_000)
	silent := openImport(t, s, deaf, len(file), "")
	io.WriteString(silent, file)
	if res, err = http.ReadResponse(bufio.NewReader(silent), nil); err != nil { // only the header
		t.Fatal(err)
	}
	defer res.Body.Close()
	waittest.Until(t, "the next import begins", func() bool { // 409 until the import has ended
		return s.Call("POST /api/passports/import", deaf, draft("https://a.example/deaf"), "Content-Type", ndjson).Status == 200
	})
	if _, sum := s.importFile(deaf, "", ndjson, draft("https://a.example/deaf")); sum.Unchanged != 1 {
		t.Errorf("the next import: %+v", sum)
	}
}
