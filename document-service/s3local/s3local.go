// Package s3local runs an S3 server inside the process, for the suite on one machine
// and for tests.
package s3local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/versity/versitygw/auth"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

// Config configures a Server.
type Config struct {
	Dir    string // folder of the objects, created if it does not exist
	Addr   string // host:port to listen on; port 0 selects a free port
	KeyID  string // the only access key; it has all rights
	Secret string
	Region string
}

// Server is a running S3 server.
type Server struct {
	Addr string // host:port it listens on

	cancel context.CancelFunc
	done   chan error
}

const (
	startTimeout      = 20 * time.Second
	maxConnections    = 512
	maxFileOperations = 256 // concurrent operations on the file system
	maxCopy           = 5 << 30
	maxParts          = 10_000
	maxAttempts       = 10 // to open a free port: another process may take it first
)

// Start starts a server and returns when it is ready. A process can run only one
// server at a time. Start changes the working directory of the process to the folder
// of the objects, so relative paths must be made absolute before.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, err
	}
	objects := filepath.Join(dir, "objects")
	if err := os.MkdirAll(objects, 0o700); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return nil, err
	}
	if port != "0" {
		return start(ctx, cfg, dir, objects)
	}
	for range maxAttempts { // versitygw opens its port itself and does not report which one it chose
		if cfg.Addr, err = freeAddress(host); err != nil {
			return nil, err
		}
		s, err := start(ctx, cfg, dir, objects)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return s, err
		}
	}
	return nil, fmt.Errorf("S3 server: no free port found in %d attempts", maxAttempts)
}

// freeAddress returns an address of the host with a port that is currently free.
func freeAddress(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func start(ctx context.Context, cfg Config, dir, objects string) (*Server, error) {
	storage, sidecar, err := openMetadata(dir, objects)
	if err != nil {
		return nil, err
	}
	files, err := posix.New(objects, storage, posix.PosixOpts{SideCarDir: sidecar, Concurrency: maxFileOperations, CopyObjectThreshold: maxCopy})
	if err != nil {
		return nil, fmt.Errorf("S3 server with objects in %s: %w", objects, err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{cfg.Addr, cancel, make(chan error, 1)}
	healthPath := "/_health-" + strings.ToLower(rand.Text()) // random, so another server at this address does not have it
	go func() {
		s.done <- embedgw.RunVersityGW(run, files, &embedgw.Config{
			RootUserAccess: cfg.KeyID, RootUserSecret: cfg.Secret, Region: cfg.Region, Ports: []string{cfg.Addr},
			IAMService:     auth.NewIAMServiceSingle(auth.Account{Access: cfg.KeyID, Secret: cfg.Secret, Role: auth.RoleAdmin}),
			MaxConnections: maxConnections, MaxRequests: maxConnections, MultipartMaxParts: maxParts,
			KeepAlive: true, Quiet: true, HealthPath: healthPath,
		})
	}()
	if err := s.ready(ctx, "http://"+cfg.Addr+healthPath); err != nil {
		return nil, errors.Join(fmt.Errorf("S3 server at %s: %w", cfg.Addr, err), s.Close())
	}
	return s, nil
}

// openMetadata returns the storage of object metadata: extended attributes of the
// files or, if the file system does not support them, a separate folder.
func openMetadata(dir, objects string) (storage meta.MetadataStorer, sidecar string, err error) {
	if (meta.XattrMeta{}).Test(objects) == nil {
		return meta.XattrMeta{}, "", nil
	}
	sidecar = filepath.Join(dir, "metadata")
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		return nil, "", err
	}
	storage, err = meta.NewSideCar(sidecar)
	return storage, sidecar, err
}

// ready waits until the server responds or has ended.
func (s *Server) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	healthy := make(chan error, 1)
	go func() { healthy <- waitHealthy(ctx, url) }()
	select {
	case err := <-healthy:
		return err
	case err := <-s.done:
		s.done <- err
		cancel()
		<-healthy
		return errors.Join(errors.New("ended during the start"), err)
	}
}

// waitHealthy polls url until the status is 200 or ctx is done.
func waitHealthy(ctx context.Context, url string) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		res, err := http.DefaultClient.Do(req)
		if err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Close stops the server and waits until it has ended.
func (s *Server) Close() error {
	s.cancel()
	err := <-s.done
	s.done <- err
	return err
}
