package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A docker that notes what it is asked, and knows of two containers. The second
// is being restarted when it is first killed.
const fakeDocker = `#!/bin/sh
echo "$*" >> "$NOTES"
case "$*" in
"compose config"*) cat "$CONFIG" ;;
"compose ps -q mongo") echo id-mongo ;;
"compose ps -q auth-service") echo id-auth ;;
"kill id-auth") if [ ! -e "$NOTES.again" ]; then touch "$NOTES.again"; echo "is restarting" >&2; exit 1; fi ;;
"inspect"*Networks*) echo back ;;
"inspect"*) echo true ;;
"stop id-mongo") echo "no such container" >&2; exit 1 ;;
esac
`

const fakeConfig = `{"services": {
	"auth-service": {"ports": [{"host_ip": "0.0.0.0", "target": 4000, "published": "24000"}], "environment": {"ADMIN_EMAIL": "root@nlb.example", "JWT_SECRET": null}},
	"passport-service": {"ports": [{"host_ip": "127.0.0.1", "target": 5000, "published": "25000"}]},
	"document-service": {"ports": [{"target": 5100, "published": "25100"}], "environment": {
		"SWEEP_AFTER": "20s", "S3_BUCKET_NAME": "b", "AWS_REGION": "r", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}},
	"notification-service": {"ports": [{"target": 5200, "published": "25200"}], "environment": {"NOTIFICATION_LOG_PATH": "/n"}, "volumes": [{"source": "/s/other", "target": "/o"}, {"source": "/s/n", "target": "/n"}]},
	"kafka": {"ports": [{"target": 9094, "published": "29092"}]},
	"minio": {"ports": [{"target": 9001, "published": "1"}, {"target": 9000, "published": "29000"}]}
}}`

func TestCompose(t *testing.T) {
	dir := t.TempDir()
	notes := filepath.Join(dir, "notes")
	for name, content := range map[string]string{"docker": fakeDocker, "config": fakeConfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("NOTES", notes)
	t.Setenv("CONFIG", filepath.Join(dir, "config"))
	e := environment{AdminEmail: "a@nlb.example", AdminPassword: "p"}
	var out strings.Builder
	is, err := openCompose(t.Context(), config{Environment: e}, &out)
	if err != nil {
		t.Fatal(err)
	}
	want := place{
		Auth: "http://127.0.0.1:24000", Passport: "http://127.0.0.1:25000", Document: "http://127.0.0.1:25100", Notification: "http://127.0.0.1:25200",
		AdminEmail: "root@nlb.example", AdminPassword: "p", Brokers: []string{"127.0.0.1:29092"}, SweepSoon: true, Files: "/s/n",
		S3: storage{Endpoint: "http://127.0.0.1:29000", Bucket: "b", Region: "r", KeyID: "k", Secret: "s"},
	}
	if diff := cmp.Diff(want, is.place); diff != "" {
		t.Errorf("place (-want +got)\n%s", diff)
	}
	if len(is.parts) != 2 || !strings.Contains(out.String(), "kafka does not run in exactly one") {
		t.Fatalf("parts %v; it says %s", is.parts, &out)
	}
	os.Remove(notes)
	mongo, auth, ctx := is.parts[0].deck, is.parts[1].deck, t.Context() // kill ×3, stop, pause, restart, partition
	for _, do := range []func(context.Context) error{
		mongo[0].inject, mongo[0].heal, mongo[4].inject, mongo[4].heal, mongo[6].inject, mongo[6].heal, auth[0].inject,
	} {
		if err := do(ctx); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(notes)
	if want := "kill id-mongo\nstart id-mongo\nkill --signal STOP id-mongo\nkill --signal CONT id-mongo\n" +
		"inspect -f {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}} id-mongo\nnetwork disconnect back id-mongo\nnetwork connect --alias mongo back id-mongo\n" +
		"kill id-auth\ninspect -f {{.State.Restarting}} id-auth\nkill id-auth\n"; string(got) != want || err != nil {
		t.Errorf("docker was asked %v\n%s", err, got)
	}
}

// TestComposeConfig reads what compose says of a variable without a value.
func TestComposeConfig(t *testing.T) {
	var p project
	if err := json.Unmarshal([]byte(fakeConfig), &p); err != nil || p.Services["auth-service"].Environment["JWT_SECRET"] != "" {
		t.Errorf("config %v, %v", p, err)
	}
	if _, err := (project{}).place(environment{}); err == nil || !strings.Contains(err.Error(), "SWEEP_AFTER") {
		t.Errorf("a project without services: %v", err)
	}
}
