package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/google/uuid"
)

// bareWriter is a process that inserts rows and produces records with the
// drivers alone. It lives as long as the service that it is held against: what a
// process does once would be a part of each write.
type bareWriter struct {
	process
	in  io.Writer
	out *bufio.Reader
}

func (f *fleet) bareWriter() (*bareWriter, error) {
	cmd := exec.Command(os.Args[0], "-write", f.dir, "-brokers", f.backends.kafka)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, err := start(cmd, os.Stderr)
	return &bareWriter{p, in, bufio.NewReader(out)}, err
}

// take has it write so many, and returns the processor time of one.
func (w *bareWriter) take(_ context.Context, n int) (time.Duration, error) {
	each := max(1, n/clients)
	before := w.cpu()
	if _, err := fmt.Fprintln(w.in, each); err != nil {
		return 0, err
	}
	answer, err := w.out.ReadString('\n')
	if err != nil || answer != "done\n" {
		return 0, fmt.Errorf("the bare writer: %s: %w", strings.TrimSpace(answer), err)
	}
	return (w.cpu() - before) / time.Duration(each*clients), nil
}

// writeBare writes as many rows and records as it reads numbers of, by as many
// writers at once as the services have clients, each as durable as theirs.
func writeBare(ctx context.Context, dir, brokers string) error {
	rows, err := newBareRows(ctx, dir)
	if err != nil {
		return err
	}
	defer rows.db.Close()
	k := newBareKafka(brokers)
	defer k.close()
	if err := k.create(ctx); err != nil {
		return err
	}
	for {
		var each int
		if _, err := fmt.Scanln(&each); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		err := together(ctx, clients, each*clients, func(ctx context.Context) error {
			id := uuid.NewString()
			return errors.Join(rows.add(ctx, id), k.produce(ctx, id))
		})
		if err != nil {
			return err
		}
		fmt.Println("done")
	}
}
