// Package s3local is an S3 server in the process, for the suite on one machine
// and for tests. Services know only S3.
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

// Config says what to serve.
type Config struct {
	Dir    string // folder of the objects, made when it is missing
	Addr   string // host:port to listen on; a port of 0 is a free one
	KeyID  string // the one key, which may do everything
	Secret string
	Region string
}

// Server is an S3 server that runs.
type Server struct {
	Addr string // host:port where it listens

	cancel context.CancelFunc
	done   chan error
}

const (
	startTimeout   = 20 * time.Second
	maxConnections = 512
	actions        = 256 // on the file system at once
	maxCopy        = 5 << 30
	maxParts       = 10_000
	tries          = 10 // for a free port, until it is still free when it is opened
)

// Start starts a server and returns when it answers. There may be one in a
// process at a time. It changes the working directory of the process to that of
// the objects: make relative paths absolute before.
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
	for range tries { // versitygw opens its port itself, and does not tell which
		if cfg.Addr, err = free(host); err != nil {
			return nil, err
		}
		s, err := start(ctx, cfg, dir, objects)
		if !errors.Is(err, syscall.EADDRINUSE) {
			return s, err
		}
	}
	return nil, fmt.Errorf("S3 server: others took %d ports that were free", tries)
}

// free returns an address of a host at which nobody listens for now.
func free(host string) (string, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func start(ctx context.Context, cfg Config, dir, objects string) (*Server, error) {
	notes, sidecar, err := metadata(dir, objects)
	if err != nil {
		return nil, err
	}
	files, err := posix.New(objects, notes, posix.PosixOpts{SideCarDir: sidecar, Concurrency: actions, CopyObjectThreshold: maxCopy})
	if err != nil {
		return nil, fmt.Errorf("S3 server with its objects in %s: %w", objects, err)
	}
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{cfg.Addr, cancel, make(chan error, 1)}
	healthPath := "/_health-" + strings.ToLower(rand.Text()) // no other server has, that may be at the address
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

// metadata keeps what is noted of an object with its file, or in a folder of
// its own where the file system cannot.
func metadata(dir, objects string) (notes meta.MetadataStorer, sidecar string, err error) {
	if (meta.XattrMeta{}).Test(objects) == nil {
		return meta.XattrMeta{}, "", nil
	}
	sidecar = filepath.Join(dir, "metadata")
	if err := os.MkdirAll(sidecar, 0o700); err != nil {
		return nil, "", err
	}
	notes, err = meta.NewSideCar(sidecar)
	return notes, sidecar, err
}

// ready waits until the server answers, or has ended.
func (s *Server) ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	answered := make(chan error, 1)
	go func() { answered <- answers(ctx, url) }()
	select {
	case err := <-answered:
		return err
	case err := <-s.done:
		s.done <- err
		cancel()
		<-answered
		return errors.Join(errors.New("ended at its start"), err)
	}
}

// answers asks until the answer is 200.
func answers(ctx context.Context, url string) error {
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

// Close ends the server and waits for that.
func (s *Server) Close() error {
	s.cancel()
	err := <-s.done
	s.done <- err
	return err
}
