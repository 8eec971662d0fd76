package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/segmentio/kafka-go"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/wire"
)

const maxReason = 1000 // bytes

// Headers of a dead letter, in addition to those of the original message.
const (
	deadPrefix = "dlq_"
	// ReasonHeader contains the error of the handler.
	ReasonHeader    = deadPrefix + "reason"
	topicHeader     = deadPrefix + "topic"
	partitionHeader = deadPrefix + "partition"
	offsetHeader    = deadPrefix + "offset"

	timeHeader = "ce_time" // as in event.Envelope.Headers
)

func header(m kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// deadLetter returns a copy of the message with the reason and the original topic,
// partition and offset in its headers. If the message has no time header, the time of
// its record is added, because the dead letter is a new record.
func deadLetter(m kafka.Message, cause error) kafka.Message {
	reason := cause.Error()
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		for _, d := range f.Details {
			reason += fmt.Sprintf("; %s %s", d.Path, d.Message)
		}
	}
	out := kafka.Message{Topic: DeadLetterTopic(m.Topic), Key: m.Key, Value: m.Value}
	out.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h kafka.Header) bool {
		return strings.HasPrefix(h.Key, deadPrefix) // from an earlier dead letter
	})
	if header(m, timeHeader) == "" {
		out.Headers = append(out.Headers, kafka.Header{Key: timeHeader, Value: []byte(m.Time.UTC().Format(wire.TimeLayout))})
	}
	for _, h := range []struct{ key, value string }{
		{ReasonHeader, reason[:min(len(reason), maxReason)]}, {topicHeader, m.Topic},
		{partitionHeader, strconv.Itoa(m.Partition)}, {offsetHeader, strconv.FormatInt(m.Offset, 10)},
	} {
		out.Headers = append(out.Headers, kafka.Header{Key: h.key, Value: []byte(h.value)})
	}
	return out
}
