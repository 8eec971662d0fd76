package stack

import (
	"context"
	"path/filepath"

	"github.com/battery-passport/suite/document-service/s3local"
)

// Key of the S3 server, which nobody but this machine reaches.
const (
	S3KeyID  = "local"
	S3Secret = "local-secret"
)

// startS3 runs an S3 server with its objects in the data folder. What keys the
// environment names are meant for another.
func (s *Stack) startS3(ctx context.Context, dir string, cfg *Config) error {
	addr := "127.0.0.1:0"
	if cfg.S3Port != 0 {
		l, err := s.listen(cfg.S3Port, "S3_PORT") // tells when it is taken
		if err != nil {
			return err
		}
		addr = l.Addr().String()
		l.Close() // the server opens its port itself
	}
	c := &cfg.Document.S3
	c.KeyID, c.Secret, c.Session, c.PathStyle = S3KeyID, S3Secret, "", true
	server, err := s3local.Start(ctx, s3local.Config{
		Dir: filepath.Join(dir, "s3"), Addr: addr, KeyID: c.KeyID, Secret: c.Secret, Region: c.Region,
	})
	if err != nil {
		return err
	}
	s.onEnd(func() { server.Close() })
	c.Endpoint = "http://" + server.Addr
	s.S3 = c.Endpoint
	return nil
}
