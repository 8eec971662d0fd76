package boot

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"time"
)

const healthTimeout = 4 * time.Second // more than the checks behind /readyz take

// healthy asks the service that serves by cfg whether it is ready: for a
// container that has neither a shell nor curl.
func healthy(cfg any) error {
	at := map[string]string{}
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		at[f.Tag.Get("envconfig")] = fmt.Sprint(v)
	}, func(reflect.Value) {})
	if at["PORT"] == "" {
		return errors.New("this service has no PORT to ask at")
	}
	scheme := "http://"
	if at["TLS_CERT_FILE"] != "" {
		scheme = "https://"
	}
	// The address of all interfaces is that of this machine to a client.
	url := scheme + net.JoinHostPort(cmp.Or(at["HOST"], "127.0.0.1"), at["PORT"]) + "/readyz"
	client := http.Client{Timeout: healthTimeout, Transport: &http.Transport{ // past any proxy
		// It is this machine, nothing is sent to it, and the name in its certificate is that of another door.
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
	}}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return fmt.Errorf("%s: %s %s", url, res.Status, body)
	}
	return nil
}
