package mail

import (
	"context"
	"errors"
	"time"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/task"
)

const (
	runTimeout  = 2 * timeout // longer than that of a delivery
	maxAttempts = 20          // over about half a day
	minBackoff  = 10 * time.Second
	retention   = 24 * time.Hour // a task may contain an email address
)

// ErrObsolete is returned by the function of a Kind if the mail must no longer be sent. The
// task is done.
var ErrObsolete = errors.New("the mail is not needed")

// Kind returns the kind of tasks that send one mail each. It calls compose each time that the
// mail is sent, including repetitions. A temporary refusal and an error of compose are retried
// with a backoff; a permanent refusal and task.Permanent fail the task, which the metrics of
// pkg/task and the log show; an outage of the mail server delays all mails and does not count
// as an attempt.
func Kind(name string, s *Sender, compose func(context.Context, task.Task) (Message, error)) task.Kind {
	return task.Kind{
		Name: name, Timeout: runTimeout, MaxAttempts: maxAttempts, MinBackoff: minBackoff, Retention: retention,
		Run: func(ctx context.Context, t task.Task) error {
			m, err := compose(ctx, t)
			if errors.Is(err, ErrObsolete) {
				return nil
			}
			if err != nil {
				return err
			}
			err = s.Send(ctx, m)
			if _, refused := errors.AsType[*task.Refusal](err); err != nil && !refused {
				err = fault.New(fault.Unavailable, "the mail server: %v", err)
			}
			return err
		},
	}
}
