package notificationd_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/notification-service/notificationd"
)

// brokers returns those of KAFKA_BROKERS, or a broker in process, with the name
// of a new consumer group to whom nothing there is news: on a broker that tests
// share a group would have to go through what all of them have sent.
func brokers(t *testing.T) (addrs []string, group string) {
	t.Helper()
	group = "test-" + uuid.NewString()
	given := os.Getenv("KAFKA_BROKERS")
	if given == "" {
		return ownBroker(t), group
	}
	addrs = strings.Split(given, ",")
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(addrs...), Timeout: 10 * time.Second, Transport: transport}
	meta, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: notificationd.Topics()})
	if err != nil {
		t.Fatal(err)
	}
	ask := map[string][]kafka.OffsetRequest{}
	for _, topic := range meta.Topics { // one that there is not yet has no past
		for _, p := range topic.Partitions {
			ask[topic.Name] = append(ask[topic.Name], kafka.LastOffsetOf(p.ID))
		}
	}
	ends, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: ask})
	if err != nil {
		t.Fatal(err)
	}
	commit := map[string][]kafka.OffsetCommit{}
	for topic, partitions := range ends.Topics {
		for _, p := range partitions {
			commit[topic] = append(commit[topic], kafka.OffsetCommit{Partition: p.Partition, Offset: p.LastOffset})
		}
	}
	done, err := client.OffsetCommit(t.Context(), &kafka.OffsetCommitRequest{GroupID: group, GenerationID: -1, Topics: commit})
	if err != nil {
		t.Fatal(err)
	}
	for topic, partitions := range done.Topics {
		for _, p := range partitions {
			if p.Error != nil {
				t.Fatalf("%s %d: %v", topic, p.Partition, p.Error)
			}
		}
	}
	return addrs, group
}

// ownBroker returns a broker in process, on which there is nothing.
func ownBroker(t *testing.T) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}
