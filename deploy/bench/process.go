package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// process is a server that runs beside.
type process struct {
	cmd  *exec.Cmd
	stop func()
}

// suite is the program of make run.
type suite struct {
	process
	auth, passport, document, notification, kafka, s3 string

	token string
	ready time.Duration // from its start until all services were ready
}

func startSuite(ctx context.Context, dir string) (*suite, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	program := filepath.Join(dir, "local")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./deploy/local")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	ports, err := freePorts(7)
	if err != nil {
		return nil, err
	}
	at := func(i int) string { return "127.0.0.1:" + ports[i] }
	s := &suite{auth: "http://" + at(0), passport: "http://" + at(1), kafka: at(2), document: "http://" + at(3), notification: "http://" + at(4), s3: "http://" + at(5)}
	begin := time.Now()
	log, err := os.Create(filepath.Join(dir, "log")) // as much is logged as by default
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.process, err = start(exec.Command(program), log, "DATA_DIR="+filepath.Join(dir, "data"),
		"AUTH_PORT="+ports[0], "PASSPORT_PORT="+ports[1], "KAFKA_PORT="+ports[2], "DOCUMENT_PORT="+ports[3],
		"NOTIFICATION_PORT="+ports[4], "S3_PORT="+ports[5], "MAIL_PORT="+ports[6], "JWT_EXPIRES_IN=24h", "RATE_LIMIT=0", "PUBLIC_RATE_LIMIT=0", "AUTH_RATE_LIMIT=0")
	if err != nil {
		return nil, err
	}
	for _, url := range []string{s.auth, s.passport, s.document, s.notification} {
		if err := waitFor(ctx, url+"/readyz"); err != nil {
			s.stop()
			return nil, err
		}
	}
	s.ready = time.Since(begin)
	return s, nil
}

func start(cmd *exec.Cmd, log *os.File, env ...string) (process, error) {
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return process{}, err
	}
	return process{cmd, sync.OnceFunc(func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
	})}, nil
}

func freePorts(n int) ([]string, error) {
	ports := make([]string, n)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() // all are held until all are found
		ports[i] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func waitFor(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		if res, err := http.Get(url); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("%s: %w", url, ctx.Err())
}

// cpu returns the processor time that the process has taken, by the clock that
// Linux has for it: /proc/PID/stat counts in steps of 10 ms, which are too coarse.
func (p process) cpu() time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^p.cmd.Process.Pid<<3|2), &ts); err != nil {
		return 0 // it has ended
	}
	return time.Duration(ts.Nano())
}

// memory returns the resident set, in MiB.
func (p process) memory() float64 { return p.status("VmRSS:") }

// status returns a size of /proc/PID/status, in MiB; 0 of a process that has
// ended.
func (p process) status(name string) float64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(data), name)
	if !ok {
		return 0
	}
	kib, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64) // what it calls kB
	return kib / 1024
}

// serveBare answers every request with a file and does nothing else; with 304
// where the file is empty.
func serveBare(address, path string) error {
	body, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return http.ListenAndServe(address, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(body) == 0 && r.URL.Path != "/readyz" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(body)
	}))
}

func read(res *http.Response) ([]byte, error) {
	defer res.Body.Close()
	return io.ReadAll(res.Body)
}
