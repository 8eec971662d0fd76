package notificationd

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/battery-passport/suite/notification-service/internal/notification"
)

// observed is a channel whose outcomes are counted.
type observed struct {
	notification.Channel
	name  notification.ChannelName
	tried *prometheus.CounterVec
}

// deliveries is what observed channels count with.
func deliveries(r prometheus.Registerer) *prometheus.CounterVec {
	tried := promauto.With(r).NewCounterVec(prometheus.CounterOpts{
		Name: "deliveries_total",
		Help: "Attempts to deliver a message: sent; later, when the other side asked to come again; refused, for good; or failed, when nobody answered.",
	}, []string{"channel", "outcome"})
	for _, channel := range []notification.ChannelName{notification.Mail, notification.File} {
		for _, outcome := range []string{"sent", "later", "refused", "failed"} {
			tried.WithLabelValues(string(channel), outcome)
		}
	}
	return tried
}

// Deliver implements notification.Channel.
func (o observed) Deliver(ctx context.Context, m notification.Message) error {
	err := o.Channel.Deliver(ctx, m)
	refusal, refused := errors.AsType[*notification.Refusal](err)
	outcome := "failed"
	switch {
	case err == nil:
		outcome = "sent"
	case refused && refusal.Final:
		outcome = "refused"
	case refused:
		outcome = "later"
	}
	o.tried.WithLabelValues(string(o.name), outcome).Inc()
	return err
}
