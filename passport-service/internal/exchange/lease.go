package exchange

import (
	"context"

	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
)

// Open calls open, which reads the file or its beginning, and renews the lease until open
// returns. If open fails, the import ends.
func (j *Job) Open(ctx context.Context, open func() (Source, error)) (Source, error) {
	var rows Source
	err := j.withLease(ctx, func(context.Context) (err error) {
		defer fault.Recover(&err)
		rows, err = open()
		return err
	})
	if err == nil {
		err = auth.Recheck(ctx) // the file may have taken minutes
	}
	if err != nil {
		Close(rows)
		_ = j.finish(ctx) // if it fails, the lease expires
		return nil, err
	}
	return rows, nil
}

// withLease calls f and renews the lease until f returns. If another import has the lease, the
// context of f ends, and withLease fails with fault.Conflict.
func (j *Job) withLease(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var lost error
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		defer cancel()
		defer fault.Recover(&lost)
		lost = j.renew(ctx, auth.Caller(ctx).UserID)
	}()
	err := f(ctx)
	cancel()
	<-renewed
	if lost != nil {
		return lost
	}
	return err
}

// Close closes a source that implements Closer.
func Close(rows Source) {
	if c, ok := rows.(Closer); ok {
		c.Close()
	}
}
