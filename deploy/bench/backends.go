package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/deploy/stack"
	"github.com/battery-passport/suite/document-service/s3local"
)

// backends are a Kafka broker and an S3 server in a process of their own, where
// nobody reads and writes but who is measured.
type backends struct {
	process
	kafka, s3 string
}

func startBackends(ctx context.Context, dir string) (*backends, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	b := &backends{kafka: "127.0.0.1:" + ports[0], s3: "http://127.0.0.1:" + ports[1]}
	b.process, err = start(exec.Command(os.Args[0], "-backends", strings.Join(ports, ","), "-dir", dir), log)
	return b, err // the services wait for them
}

// serveBackends runs them on their two ports until ctx is done.
func serveBackends(ctx context.Context, ports, dir string) error {
	kafkaPort, s3Port, _ := strings.Cut(ports, ",")
	port, err := strconv.Atoi(kafkaPort)
	if err != nil {
		return err
	}
	broker, err := kfake.NewCluster(kfake.Ports(port), kfake.DataDir(filepath.Join(dir, "kafka")))
	if err != nil {
		return fmt.Errorf("broker: %w", err)
	}
	defer broker.Close()
	server, err := s3local.Start(ctx, s3local.Config{
		Dir: filepath.Join(dir, "s3"), Addr: "127.0.0.1:" + s3Port, KeyID: stack.S3KeyID, Secret: stack.S3Secret, Region: "us-east-1",
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return server.Close()
}
