package notificationd_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/battery-passport/suite/notification-service/notificationd"
	"github.com/battery-passport/suite/pkg/waittest"
)

// brokers returns the brokers in KAFKA_BROKERS, or a broker in this process, and a new consumer
// group whose offsets are at the end of all topics. On a shared broker, the group would
// otherwise get the events of all earlier tests.
func brokers(t *testing.T) (addrs []string, group string) {
	t.Helper()
	group = "test-" + uuid.NewString()
	addresses := os.Getenv("KAFKA_BROKERS")
	if addresses == "" {
		return ownBroker(t), group
	}
	addrs = strings.Split(addresses, ",")
	transport := &kafka.Transport{}
	defer transport.CloseIdleConnections()
	client := &kafka.Client{Addr: kafka.TCP(addrs...), Timeout: waittest.Limit, Transport: transport}
	meta, err := client.Metadata(t.Context(), &kafka.MetadataRequest{Topics: notificationd.Topics()})
	if err != nil {
		t.Fatal(err)
	}
	requests := map[string][]kafka.OffsetRequest{}
	for _, topic := range meta.Topics { // topics that do not exist yet are missing
		for _, p := range topic.Partitions {
			requests[topic.Name] = append(requests[topic.Name], kafka.LastOffsetOf(p.ID))
		}
	}
	ends, err := client.ListOffsets(t.Context(), &kafka.ListOffsetsRequest{Topics: requests})
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

// ownBroker returns a new broker in this process.
func ownBroker(t *testing.T) []string {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.ListenAddrs()
}
