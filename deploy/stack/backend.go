package stack

import (
	"context"
	"fmt"

	"github.com/battery-passport/suite/pkg/rest"
)

// RunBackend runs one back end, "kafka", "s3" or "mail", with its data in dir, until
// ctx is done. region is used by the S3 server only.
func RunBackend(ctx context.Context, name, dir string, port rest.Port, region string) error {
	s, cfg := &Stack{end: func() {}}, Config{S3Port: port, MailPort: port}
	cfg.Document.S3.Region = region
	var err error
	switch name {
	case "kafka":
		err = s.startKafka(dir, port)
	case "s3":
		err = s.startS3(ctx, dir, &cfg)
	case "mail":
		err = s.startMail(dir, &cfg)
	default:
		err = fmt.Errorf("back end %q is unknown: must be kafka, s3 or mail", name)
	}
	if err == nil {
		<-ctx.Done()
	}
	s.end()
	return err
}
