package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/battery-passport/suite/pkg/event/kafka"
)

// fakeDocker records its arguments, and knows two containers. The second is being
// restarted when it is first killed.
const fakeDocker = `#!/bin/sh
echo "$*" >> "$RECORD"
case "$*" in
"compose config"*) cat "$CONFIG" ;;
"compose ps -q mongo") echo id-mongo ;;
"compose ps -q auth-service") echo id-auth ;;
"kill id-auth") if [ ! -e "$RECORD.killed" ]; then touch "$RECORD.killed"; echo "is restarting" >&2; exit 1; fi ;;
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
	"kafka-users": {"environment": {"KAFKA_READER_PASSWORD": "q"}},
	"minio": {"ports": [{"target": 9001, "published": "1"}, {"target": 9000, "published": "29000"}]}
}}`

func TestCompose(t *testing.T) {
	dir := t.TempDir()
	record := filepath.Join(dir, "record")
	for name, content := range map[string]string{"docker": fakeDocker, "config": fakeConfig} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	t.Setenv("RECORD", record)
	t.Setenv("CONFIG", filepath.Join(dir, "config"))
	target, err := openCompose(t.Context(), config{AdminEmail: "a@nlb.example", AdminPassword: "p"})
	if err != nil {
		t.Fatal(err)
	}
	want := place{
		auth: "http://127.0.0.1:24000", passport: "http://127.0.0.1:25000", document: "http://127.0.0.1:25100", notification: "http://127.0.0.1:25200",
		adminEmail: "root@nlb.example", adminPassword: "p", broker: "127.0.0.1:29092", brokerLogin: kafka.Security{Mechanism: "scram-sha-512", User: "reader", Password: "q"}, sweepSoon: true, files: "/s/n",
		s3: storage{"http://127.0.0.1:29000", "b", "r", "k", "s"},
	}
	if target.place != want {
		t.Errorf("got place %+v, want %+v", target.place, want)
	}
	if len(target.faults) != 11 {
		t.Fatalf("got %d faults, want 11", len(target.faults))
	}
	os.Remove(record)
	mongo, auth, ctx := target.faults[:6], target.faults[6:], t.Context() // kill ×3, stop, pause, partition
	for _, do := range []func(context.Context) error{
		mongo[0].inject, mongo[0].heal, mongo[4].inject, mongo[4].heal, mongo[5].inject, mongo[5].heal, auth[0].inject,
	} {
		if err := do(ctx); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(record)
	if want := "kill id-mongo\nstart id-mongo\nkill --signal STOP id-mongo\nkill --signal CONT id-mongo\n" +
		"inspect -f {{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}} id-mongo\nnetwork disconnect back id-mongo\nnetwork connect --alias mongo back id-mongo\n" +
		"kill id-auth\ninspect -f {{.State.Restarting}} id-auth\nkill id-auth\n"; string(got) != want || err != nil {
		t.Errorf("got docker calls, error %v:\n%s", err, got)
	}
}
