package main

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
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

// bareRows inserts with the settings of the services: a row is on the disk when
// its insert returns.
type bareRows struct {
	db     *sql.DB
	insert *sql.Stmt
}

func newBareRows(ctx context.Context, dir string) (*bareRows, error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "bare.db")+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "create table if not exists bare (id text primary key, doc text not null) without rowid"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	insert, err := db.PrepareContext(ctx, "insert into bare (id, doc) values (?, ?)")
	return &bareRows{db, insert}, err
}

func (b *bareRows) add(ctx context.Context, id string) error {
	_, err := b.insert.ExecContext(ctx, id, payload)
	return err
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

// writer has the settings of the services, but is left to do as it does.
func (k bareKafka) writer() *kafka.Writer {
	return &kafka.Writer{Addr: k.client.Addr, Transport: k.client.Transport, Topic: topic, Balancer: &kafka.Hash{}, RequiredAcks: kafka.RequireAll, BatchSize: 1}
}

// flood returns how many records go out in a second when so many are produced as
// the relay does: some at a time.
func (k bareKafka) flood(ctx context.Context, n int, produce func(ctx context.Context, key string) error) (float64, error) {
	begin := time.Now()
	err := together(ctx, relayWorkers, n, func(ctx context.Context) error { return produce(ctx, uuid.NewString()) })
	return float64(n/relayWorkers*relayWorkers) / time.Since(begin).Seconds(), err
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
