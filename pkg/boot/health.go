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

const healthTimeout = 4 * time.Second // longer than the timeout of the checks behind /readyz

// checkHealth requests /readyz of the service that runs with cfg. It is the health
// check of containers, which have neither a shell nor curl.
func checkHealth(cfg any) error {
	values := map[string]string{}
	walk(reflect.ValueOf(cfg).Elem(), func(v reflect.Value, f reflect.StructField) {
		values[f.Tag.Get("envconfig")] = fmt.Sprint(v)
	}, func(reflect.Value) {})
	if values["PORT"] == "" {
		return errors.New("this service has no PORT setting")
	}
	scheme := "http://"
	if values["TLS_CERT_FILE"] != "" {
		scheme = "https://"
	}
	url := scheme + net.JoinHostPort(cmp.Or(values["HOST"], "127.0.0.1"), values["PORT"]) + "/readyz"
	client := http.Client{Timeout: healthTimeout, Transport: &http.Transport{ // ignores HTTP_PROXY
		// The service is on this machine, the certificate names another host, and no
		// secret is sent.
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
