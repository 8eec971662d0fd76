package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTimeout = 60 * time.Second
	stopTimeout  = 30 * time.Second // longer than a service drains
	logTail      = 4 << 10
)

// process is a program that is started again and again, always in the same
// environment.
type process struct {
	name, program string
	env           []string
	log           string                             // file that it writes to
	out           func() io.Writer                   // for its standard output; nil: the log
	ready         func(exited <-chan struct{}) error // returns when it can be used

	cmd    *exec.Cmd
	exited chan struct{}
}

var _ part = (*process)(nil)

// Name implements part.
func (p *process) Name() string { return p.name }

// Start implements part.
func (p *process) Start(context.Context) error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	p.cmd = exec.Command(p.program)
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us: we end it
	if p.out != nil {
		p.cmd.Stdout = p.out()
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	cmd, exited := p.cmd, make(chan struct{})
	p.exited = exited
	go func() { // ends with the process, which close ends
		_ = cmd.Wait()
		close(exited)
	}()
	if err := p.ready(exited); err != nil {
		return fmt.Errorf("start %s: %w; %s", p.name, err, p.lastWords())
	}
	return nil
}

// Kill implements part.
func (p *process) Kill(context.Context) error { return p.end(syscall.SIGKILL) }

// Stop implements part.
func (p *process) Stop(context.Context) error { return p.end(syscall.SIGTERM) }

// Pause implements part.
func (p *process) Pause(context.Context) error { return p.signal(syscall.SIGSTOP) }

// Resume implements part.
func (p *process) Resume(context.Context) error { return p.signal(syscall.SIGCONT) }

// signal fails when the process has ended by itself.
func (p *process) signal(s os.Signal) error {
	select {
	case <-p.exited:
		return fmt.Errorf("%s ended by itself, %v; %s", p.name, p.cmd.ProcessState, p.lastWords())
	default:
		return p.cmd.Process.Signal(s)
	}
}

func (p *process) end(s syscall.Signal) error {
	if err := p.signal(s); err != nil {
		return err
	}
	select {
	case <-p.exited:
		if s == syscall.SIGTERM && !p.cmd.ProcessState.Success() {
			return fmt.Errorf("%s stopped with %v; %s", p.name, p.cmd.ProcessState, p.lastWords())
		}
		return nil
	case <-time.After(stopTimeout):
		return fmt.Errorf("%s goes on %v after %v; %s", p.name, stopTimeout, s, p.lastWords())
	}
}

// close ends the process, in whatever state it is.
func (p *process) close() {
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.exited
}

// lastWords is the end of the log.
func (p *process) lastWords() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("the end of %s:\n%s", p.log, data[max(0, len(data)-logTail):])
}

var errExited = errors.New("it ended")

// running returns when the service at the URL answers, ready or not: what it
// depends on may be away too.
func running(url string) func(exited <-chan struct{}) error {
	return func(exited <-chan struct{}) error {
		client := &http.Client{Timeout: 5 * time.Second}
		defer client.CloseIdleConnections()
		for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); {
			if res, err := client.Get(url + "/livez"); err == nil {
				res.Body.Close()
				return nil
			}
			select {
			case <-exited:
				return errExited
			case <-time.After(20 * time.Millisecond):
			}
		}
		return fmt.Errorf("it does not answer after %v", startTimeout)
	}
}

// build compiles a program of the workspace into a folder.
func build(ctx context.Context, dir, name, folder string) (program string, err error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	work := strings.TrimSpace(string(root))
	if work == "" || work == "off" {
		return "", errors.New("there is no Go workspace here; run chaos in the folder of the suite")
	}
	program = filepath.Join(dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./"+folder)
	cmd.Dir = filepath.Dir(work)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", folder, err, out)
	}
	return program, nil
}

// freePorts returns ports that stay free while nobody listens at them: systems
// take a free port, and the port of a client, from 32768 on, and whoever calls
// a closed port of those may even be answered by itself.
func freePorts(n int) ([]string, error) {
	var ports []string
	for range 100 * n {
		port := strconv.Itoa(10_000 + rand.IntN(20_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			continue
		}
		defer l.Close() // all are held until all are found
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("there are no %d free ports between 10000 and 30000", n)
}
