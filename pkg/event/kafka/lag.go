package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

var lagGauge = prometheus.NewDesc("kafka_consumer_lag_messages", "Messages that the group has not acted on.", []string{"topic", "partition"}, nil)

// lag returns how many messages of each partition the group has not acted on,
// as the cluster tells it: also of partitions that other members read.
func (c *Consumer) lag(ctx context.Context) ([]prometheus.Metric, error) {
	meta, err := c.topics.client.Metadata(ctx, &kafka.MetadataRequest{Topics: c.reader.GroupTopics})
	if err != nil {
		return nil, err
	}
	partitions, ends := map[string][]int{}, map[string][]kafka.OffsetRequest{}
	for _, topic := range meta.Topics {
		if topic.Error != nil {
			return nil, fmt.Errorf("topic %s: %w", topic.Name, topic.Error)
		}
		for _, p := range topic.Partitions {
			partitions[topic.Name] = append(partitions[topic.Name], p.ID)
			ends[topic.Name] = append(ends[topic.Name], kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
		}
	}
	committed, err := c.topics.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: c.reader.GroupID, Topics: partitions})
	if err == nil {
		err = committed.Error
	}
	if err != nil {
		return nil, err
	}
	offsets, err := c.topics.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: ends})
	if err != nil {
		return nil, err
	}
	at := map[string]int64{}
	for topic, all := range committed.Topics {
		for _, p := range all {
			if p.Error != nil {
				return nil, fmt.Errorf("topic %s, partition %d: %w", topic, p.Partition, p.Error)
			}
			at[fmt.Sprint(topic, "/", p.Partition)] = p.CommittedOffset
		}
	}
	var samples []prometheus.Metric
	for topic, all := range offsets.Topics {
		for _, p := range all {
			if p.Error != nil { // has no leader at present
				continue
			}
			// Before its first commit a group is at the beginning.
			next := max(at[fmt.Sprint(topic, "/", p.Partition)], p.FirstOffset)
			samples = append(samples, prometheus.MustNewConstMetric(lagGauge, prometheus.GaugeValue, float64(max(0, p.LastOffset-next)), topic, strconv.Itoa(p.Partition)))
		}
	}
	return samples, nil
}
