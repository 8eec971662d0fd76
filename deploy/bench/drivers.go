package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	_ "modernc.org/sqlite" // the driver
)

const (
	topic      = "bench" // which the services do not read
	partitions = 3       // of each topic
)

// payload is as large as what a create writes.
var payload = strings.Repeat("x", 500)

// writeBare inserts rows and produces records with the drivers alone, as durable
// as the services do, and prints the processor time of one.
func writeBare(ctx context.Context, n int, dir, brokers string) error {
	db, err := bareDB(ctx, dir)
	if err != nil {
		return err
	}
	defer db.Close()
	k := newBareKafka(brokers)
	defer k.close()
	if err := k.create(ctx); err != nil {
		return err
	}
	before := ownCPU()
	for range n {
		id := uuid.NewString()
		if _, err := db.ExecContext(ctx, "insert into bare (id, doc) values (?, ?)", id, payload); err != nil {
			return err
		}
		if err := k.produce(ctx, id); err != nil {
			return err
		}
	}
	fmt.Print((ownCPU() - before) / time.Duration(n))
	return nil
}

func bareDB(ctx context.Context, dir string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bare.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "create table if not exists bare (id text primary key, doc text not null) without rowid")
	return db, err
}

// bareInserts returns how many rows the driver alone inserts in a second, each
// on the disk before the next.
func (f *fleet) bareInserts(ctx context.Context) (float64, error) {
	db, err := bareDB(ctx, f.dir)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	begin := time.Now()
	for range f.requests {
		if _, err := db.ExecContext(ctx, "insert into bare (id, doc) values (?, ?)", uuid.NewString(), payload); err != nil {
			return 0, err
		}
	}
	return float64(f.requests) / time.Since(begin).Seconds(), nil
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// bareKafka produces with the settings of the services: one record at a time, to
// all in-sync replicas.
type bareKafka struct{ client *kafka.Client }

func newBareKafka(brokers string) bareKafka {
	return bareKafka{&kafka.Client{Addr: kafka.TCP(brokers), Timeout: 5 * time.Second, Transport: &kafka.Transport{MetadataTTL: time.Second}}}
}

func (k bareKafka) close() { k.client.Transport.(*kafka.Transport).CloseIdleConnections() }

func (k bareKafka) create(ctx context.Context) error {
	res, err := k.client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}}})
	if err != nil {
		return err
	}
	if err := res.Errors[topic]; err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return err
	}
	return nil
}

func (k bareKafka) produce(ctx context.Context, key string) error {
	res, err := k.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: topic, Partition: int(key[0]) % partitions, RequiredAcks: kafka.RequireAll,
		Records: kafka.NewRecordReader(kafka.Record{Time: time.Now(), Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes([]byte(payload))}),
	})
	return errors.Join(err, errorOf(res))
}

func errorOf(res *kafka.ProduceResponse) error {
	if res == nil {
		return nil
	}
	return res.Error
}

// flood produces n records as the relay does: so many at a time.
func (k bareKafka) flood(ctx context.Context, n, workers int) (time.Duration, error) {
	if err := k.create(ctx); err != nil {
		return 0, err
	}
	begin := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for range n / workers {
				if err := k.produce(ctx, uuid.NewString()); err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(begin), errors.Join(errs...)
}

// records returns how many were ever written to a topic.
func (k bareKafka) records(ctx context.Context, topic string) (n int64, err error) {
	var ends []kafka.OffsetRequest
	for p := range partitions {
		ends = append(ends, kafka.LastOffsetOf(p))
	}
	res, err := k.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic: ends}})
	if err != nil {
		return 0, err
	}
	for _, p := range res.Topics[topic] {
		err = errors.Join(err, p.Error)
		n += p.LastOffset
	}
	return n, err
}
