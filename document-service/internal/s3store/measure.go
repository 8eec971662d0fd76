package s3store

import (
	"context"
	"errors"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/battery-passport/suite/pkg/metrics"
)

// measure records the duration of each operation, including its retries. The outcomes
// are ok, failed, missing (the object does not exist) and given_up (the client
// disconnected).
func measure(r prometheus.Registerer) func(*middleware.Stack) error {
	duration := promauto.With(r).NewHistogramVec(prometheus.HistogramOpts{
		Name: "s3_operation_duration_seconds", Help: "Duration of an operation of the object storage until its response begins.", Buckets: metrics.DurationBuckets,
	}, []string{"operation", "outcome"})
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Measure",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				begin := time.Now()
				out, meta, err := next.HandleInitialize(ctx, in)
				outcome := "ok"
				switch {
				case missing(err):
					outcome = "missing"
				case errors.Is(err, context.Canceled):
					outcome = "given_up"
				case err != nil:
					outcome = "failed"
				}
				duration.WithLabelValues(awsmiddleware.GetOperationName(ctx), outcome).Observe(time.Since(begin).Seconds())
				return out, meta, err
			}), middleware.After) // after the SDK has set the operation name
	}
}
