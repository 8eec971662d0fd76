package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/segmentio/kafka-go"
)

const (
	writeBatch = 100       // messages in a request
	writeBytes = 512 << 10 // keys, values and headers in a request, unless one message is larger; brokers accept 1 MiB
)

// partition is a partition of a topic.
type partition struct {
	topic string
	id    int
}

// batcher sends messages in batches, one at a time per partition. Messages that arrive during
// a batch are sent with the next: a message that arrives when no batch is in flight does not wait.
type batcher struct {
	send func(context.Context, partition, []kafka.Message) error

	mu     sync.Mutex
	queues map[partition][]*delivery // has an entry while a goroutine sends
}

// delivery is a message that waits for its batch.
type delivery struct {
	kafka.Message
	ctx  context.Context
	done chan error
}

// write sends a message and returns when it is stored. If ctx is done before its batch is
// sent, the message is not sent.
func (b *batcher) write(ctx context.Context, p partition, m kafka.Message) error {
	d := &delivery{m, ctx, make(chan error, 1)}
	b.mu.Lock()
	queue, isSending := b.queues[p]
	b.queues[p] = append(queue, d)
	b.mu.Unlock()
	if !isSending {
		go b.run(p)
	}
	select {
	case err := <-d.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run sends the messages of a partition until none is left.
func (b *batcher) run(p partition) {
	for batch := b.next(p); len(batch) > 0; batch = b.next(p) {
		b.sendAll(p, batch)
	}
}

// next removes the next batch from the queue, and the queue if it is empty.
func (b *batcher) next(p partition) (batch []*delivery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	queue, bytes := b.queues[p], 0
	for len(queue) > 0 && len(batch) < writeBatch {
		d := queue[0]
		if bytes += size(d.Message); len(batch) > 0 && bytes > writeBytes {
			break
		}
		if queue = queue[1:]; d.ctx.Err() == nil {
			batch = append(batch, d)
		}
	}
	if b.queues[p] = queue; len(batch) == 0 {
		delete(b.queues, p)
	}
	return batch
}

func size(m kafka.Message) int {
	n := len(m.Key) + len(m.Value)
	for _, h := range m.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}

// sendAll sends a batch. If the broker refuses it because of one message, each is sent alone.
func (b *batcher) sendAll(p partition, batch []*delivery) {
	messages := make([]kafka.Message, len(batch))
	for i, d := range batch {
		messages[i] = d.Message
	}
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	err := b.send(ctx, p, messages)
	if len(batch) > 1 && isMessageError(err) {
		for _, d := range batch {
			b.sendAll(p, []*delivery{d})
		}
		return
	}
	for _, d := range batch {
		d.done <- err
	}
}

// isMessageError reports whether a broker refused a batch because of one of its messages.
func isMessageError(err error) bool {
	for _, refusal := range []kafka.Error{kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidMessage, kafka.InvalidMessageSize, kafka.InvalidTimestamp} {
		if errors.Is(err, refusal) {
			return true
		}
	}
	return false
}
