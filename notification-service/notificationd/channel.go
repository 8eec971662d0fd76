package notificationd

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/task"
)

// measuredChannel counts the outcomes of a channel.
type measuredChannel struct {
	notification.Channel
	name     notification.ChannelName
	attempts *prometheus.CounterVec
}

// newDeliveryCounter returns the metric of all channels.
func newDeliveryCounter(r prometheus.Registerer) *prometheus.CounterVec {
	attempts := promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "deliveries_total",
		Help: "Attempts to deliver a message, by outcome: sent; later, temporarily refused; refused, permanently; failed, outage of the mail server or folder.",
	}, []string{"channel", "outcome"})
	for _, channel := range []notification.ChannelName{notification.Mail, notification.File} {
		for _, outcome := range []string{"sent", "later", "refused", "failed"} {
			attempts.WithLabelValues(string(channel), outcome)
		}
	}
	return attempts
}

// Deliver implements notification.Channel.
func (c measuredChannel) Deliver(ctx context.Context, m notification.Message) error {
	err := c.Channel.Deliver(ctx, m)
	c.count(err)
	return err
}

func (c measuredChannel) count(err error) {
	refusal, refused := errors.AsType[*task.Refusal](err)
	outcome := "failed"
	switch {
	case err == nil:
		outcome = "sent"
	case refused && refusal.Final:
		outcome = "refused"
	case refused:
		outcome = "later"
	}
	c.attempts.WithLabelValues(string(c.name), outcome).Inc()
}

// measuredBatchChannel counts the outcomes of a BatchChannel.
type measuredBatchChannel struct {
	measuredChannel
	batch notification.BatchChannel
}

// DeliverMany implements notification.BatchChannel.
func (c measuredBatchChannel) DeliverMany(ctx context.Context, messages []notification.Message) []error {
	errs := c.batch.DeliverMany(ctx, messages)
	for _, err := range errs {
		c.count(err)
	}
	return errs
}
