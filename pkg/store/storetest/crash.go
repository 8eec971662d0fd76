package storetest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/pkg/event"
	"github.com/battery-passport/suite/pkg/event/outbox"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/store"
	"github.com/battery-passport/suite/pkg/waittest"
)

const (
	childEnv   = "STORETEST_WRITER" // name of the database of the child process
	dyingEnv   = "STORETEST_DYING"  // if set, the child kills itself between history and document
	kills      = 12
	aggregates = 5
)

// Opener opens a database by a name that its driver interprets.
type Opener func(ctx context.Context, name string) (store.DB, error)

// Main runs the tests of a driver and checks for leaked goroutines. In the child
// process of Crash it runs the writer.
func Main(m *testing.M, open Opener) {
	if name := os.Getenv(childEnv); name != "" {
		run := write
		if os.Getenv(dyingEnv) != "" {
			run = dieBeforeDocument
		}
		fmt.Fprintln(os.Stderr, "writer:", run(context.Background(), name, open, os.Stdout))
		os.Exit(1) // the writer must end by SIGKILL only
	}
	goleak.VerifyTestMain(m)
}

// write changes aggregates in four goroutines until it is killed. It prints
// acknowledged writes to out, and its relay prints published events.
func write(ctx context.Context, name string, open Opener, out io.Writer) error {
	db, err := open(ctx, name)
	if err != nil {
		return err
	}
	cells := store.Open(db, CellSchema())
	entries := store.Open(db, EntrySchema())
	relay := &outbox.Relay{Source: pastDue{cells.Outbox()}, Publisher: printer{out}, Log: slog.New(slog.DiscardHandler), Lease: 20 * time.Millisecond}
	go relay.Run(ctx)
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				if err := writeOne(ctx, cells, entries, out); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func writeOne(ctx context.Context, cells, entries *store.Collection[Cell], out io.Writer) error {
	id := fmt.Sprint("cell", rand.N(aggregates))
	row, err := countWithHistory(ctx, cells, entries, id)
	switch {
	case fault.Is(err, fault.NotFound):
		row, err = cells.Insert(ctx, id, Cell{Count: 1}, counted(id, 1))
		if _, duplicate := store.Duplicate(err); duplicate {
			return nil
		}
	case fault.Is(err, fault.Unavailable): // the outbox is full
		return nil
	}
	if err != nil {
		return err
	}
	if row.Doc.Count != int(row.Version) {
		return fmt.Errorf("%s: count %d at version %d", id, row.Doc.Count, row.Version)
	}
	_, err = fmt.Fprintln(out, "stored", id, row.Version, "-") // one write to a pipe is atomic
	return err
}

// countWithHistory increments the count of a cell and stores the previous cell as
// history.
func countWithHistory(ctx context.Context, cells, entries *store.Collection[Cell], id string) (store.Row[Cell], error) {
	return cells.Update(ctx, id, func(c *Cell) (store.Change, error) {
		before := *c
		c.Count++
		return store.Change{
			Events:  []event.Envelope{counted(id, c.Count)},
			History: []store.HistoryRecord{store.HistoryOf(entries, fmt.Sprint(id, "/", before.Count), before)},
		}, nil
	})
}

// dieBeforeDocument kills its process after it stored the history and before it
// stores the document.
func dieBeforeDocument(ctx context.Context, name string, open Opener, _ io.Writer) error {
	db, err := open(ctx, name)
	if err != nil {
		return err
	}
	_, err = countWithHistory(ctx, store.Open[Cell](dyingDB{db}, CellSchema()), store.Open(db, EntrySchema()), dying)
	return err
}

const dying = "dying"

type dyingDB struct{ store.DB }

func (d dyingDB) Table(name string, unique []string) store.Table {
	return dyingTable{d.DB.Table(name, unique)}
}

type dyingTable struct{ store.Table }

func (dyingTable) Replace(context.Context, store.Record, []event.Envelope) error {
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

type printer struct{ out io.Writer }

func (p printer) Publish(_ context.Context, e event.Envelope) error {
	_, err := fmt.Fprintln(p.out, "published", e.Key, e.Sequence, e.ID)
	return err
}

// Crash kills a writing process repeatedly. It then checks that all acknowledged
// writes are stored, and that every event is published in order.
func Crash(t *testing.T, name string, open Opener) {
	stored := map[string]int64{}
	var broker Broker
	for range kills {
		crashOnce(t, name, stored, &broker)
	}
	db, err := open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.Background())
	cells := store.Open(db, CellSchema())
	drain(t, cells, &broker)
	entries := store.Open(db, EntrySchema())
	for id, version := range stored {
		for n := 1; n < int(version); n++ {
			if entry, err := entries.Get(t.Context(), fmt.Sprint(id, "/", n)); err != nil || entry.Doc.Count != n {
				t.Errorf("history of %s: entry %d is %+v, %v, want count %d", id, n, entry, err, n)
			}
		}
		row, err := cells.Get(t.Context(), id)
		if err != nil || row.Version < version || row.Doc.Count != int(row.Version) {
			t.Errorf("%s is %+v, %v; version %d was acknowledged", id, row, err, version)
		}
		if got := broker.Newest(id); got != row.Version {
			t.Errorf("%s: published up to version %d, want %d", id, got, row.Version)
		}
	}
	for _, err := range broker.Errs {
		t.Error(err)
	}
	t.Logf("%d kills, acknowledged versions: %v", kills, stored)
	crashBeforeDocument(t, name, cells, entries)
}

// crashBeforeDocument kills a writer between history and document. Its history is
// harmless: the next writer writes the same record.
func crashBeforeDocument(t *testing.T, name string, cells, entries *store.Collection[Cell]) {
	insert(t, cells, dying, Cell{Count: 1})
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name, dyingEnv+"=1")
	cmd.Stderr = t.Output()
	if err := cmd.Run(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the writer was not killed: %v", err)
	}
	entry, err := entries.Get(t.Context(), dying+"/1")
	if row, getErr := cells.Get(t.Context(), dying); err != nil || getErr != nil || row.Version != 1 || row.Doc.Count != 1 {
		t.Errorf("after the kill: history %+v, %v; document %+v, %v; want the history and version 1", entry, err, row, getErr)
	}
	if row, err := countWithHistory(t.Context(), cells, entries, dying); err != nil || row.Version != 2 {
		t.Errorf("the next writer: %+v, %v, want version 2", row, err)
	}
	if got, err := entries.Get(t.Context(), dying+"/1"); err != nil || !cmp.Equal(entry, got) {
		t.Errorf("history after the next writer: %+v, %v, want %+v", got, err, entry)
	}
}

// crashOnce starts a writer, kills it after some lines of output, and records its
// output.
func crashOnce(t *testing.T, name string, stored map[string]int64, broker *Broker) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines, limit := bufio.NewScanner(out), 50+rand.N(300)
	n := 0
	for ; lines.Scan(); n++ {
		if n == limit {
			cmd.Process.Kill() // SIGKILL; the loop reads the rest of the output
		}
		var action, key, id string
		var version int64
		if _, err := fmt.Sscan(lines.Text(), &action, &key, &version, &id); err != nil {
			t.Fatalf("unexpected output of the writer %q: %v", lines.Text(), err)
		}
		if action == "stored" {
			stored[key] = max(stored[key], version)
		} else {
			broker.Publish(t.Context(), event.Envelope{ID: id, Key: key, Sequence: version})
		}
	}
	if err := cmd.Wait(); n <= limit {
		t.Fatalf("the writer exited after %d lines: %v", n, err)
	}
}

// drain publishes the waiting events.
func drain(t *testing.T, cells *store.Collection[Cell], broker *Broker) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	relay := &outbox.Relay{Source: pastDue{cells.Outbox()}, Publisher: broker, Log: slog.New(slog.DiscardHandler), Lease: 20 * time.Millisecond}
	var wg sync.WaitGroup
	wg.Go(func() { relay.Run(ctx) })
	defer wg.Wait()
	defer stop()
	waittest.Until(t, "all events are published", func() bool {
		expired, err := cells.Outbox().Expired(t.Context(), time.Now().Add(time.Hour), 9)
		if err != nil {
			t.Error(err)
		}
		return len(expired) == 0
	})
}
