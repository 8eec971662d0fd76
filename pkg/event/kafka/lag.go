package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/segmentio/kafka-go"
)

var lagGauge = prometheus.NewDesc("kafka_consumer_lag_messages", "Messages that the consumer group has not handled.", []string{"topic", "partition"}, nil)

// lag returns the number of unhandled messages of each partition, including the
// partitions of other members of the group.
func (c *Consumer) lag(ctx context.Context) (lags []prometheus.Metric, err error) {
	meta, err := c.topics.client.Metadata(ctx, &kafka.MetadataRequest{Topics: c.reader.GroupTopics})
	if err != nil {
		return nil, err
	}
	for _, topic := range meta.Topics {
		if lags, err = c.topicLag(ctx, topic, lags); err != nil {
			return nil, fmt.Errorf("topic %s: %w", topic.Name, err)
		}
	}
	return lags, nil
}

func (c *Consumer) topicLag(ctx context.Context, topic kafka.Topic, lags []prometheus.Metric) ([]prometheus.Metric, error) {
	if topic.Error != nil {
		return nil, topic.Error
	}
	var ids []int
	var ends []kafka.OffsetRequest
	for _, p := range topic.Partitions {
		ids, ends = append(ids, p.ID), append(ends, kafka.FirstOffsetOf(p.ID), kafka.LastOffsetOf(p.ID))
	}
	committed, err := c.topics.client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: c.reader.GroupID, Topics: map[string][]int{topic.Name: ids}})
	if err == nil {
		err = committed.Error
	}
	if err != nil {
		return nil, err
	}
	offsets, err := c.topics.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{topic.Name: ends}})
	if err != nil {
		return nil, err
	}
	next := map[int]int64{}
	for _, p := range committed.Topics[topic.Name] {
		next[p.Partition] = p.CommittedOffset // -1 before the first commit
	}
	for _, p := range offsets.Topics[topic.Name] {
		if p.Error == nil { // the partition has a leader
			messages := max(0, p.LastOffset-max(next[p.Partition], p.FirstOffset))
			lags = append(lags, prometheus.MustNewConstMetric(lagGauge, prometheus.GaugeValue, float64(messages), topic.Name, strconv.Itoa(p.Partition)))
		}
	}
	return lags, nil
}
