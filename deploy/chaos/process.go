package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
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
)

// process is a program that is started again and again in the same environment.
type process struct {
	name, program string
	env           []string
	log, addr     string // file of its output; where it listens

	cmd    *exec.Cmd
	exited chan struct{}
}

func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd, exited := exec.Command(p.program), make(chan struct{})
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches only chaos, which ends it
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.exited = cmd, exited
	go func() { // ends with the process, which close ends
		_ = cmd.Wait()
		close(exited)
	}()
	for deadline := time.Now().Add(startTimeout); ; {
		err := listens(p.addr)
		if err == nil {
			return nil
		}
		if !p.running() || time.Now().After(deadline) {
			return fmt.Errorf("%s does not start: %w; its log is %s", p.name, err, p.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// do implements machine.
func (p *process) do(_ context.Context, verb string) error {
	if verb == "start" {
		return p.start()
	}
	if !p.running() {
		return fmt.Errorf("%s ended by itself, %v; its log is %s", p.name, p.cmd.ProcessState, p.log)
	}
	if verb == "kill" || verb == "stop" {
		return p.end(map[string]syscall.Signal{"kill": syscall.SIGKILL, "stop": syscall.SIGTERM}[verb])
	}
	return p.cmd.Process.Signal(map[string]os.Signal{"pause": syscall.SIGSTOP, "unpause": syscall.SIGCONT}[verb])
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) end(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(stopTimeout):
		return fmt.Errorf("%s still runs %v after %v; its log is %s", p.name, stopTimeout, s, p.log)
	}
	if s == syscall.SIGTERM && !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s stopped with %v; its log is %s", p.name, p.cmd.ProcessState, p.log)
	}
	return nil
}

// close ends the process in whatever state it is.
func (p *process) close() {
	if p.cmd != nil {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.exited
	}
}

// listens reports whether somebody listens at an address.
func listens(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err == nil {
		err = conn.Close()
	}
	return err
}

// build compiles the services into a folder, each under its name.
func build(ctx context.Context, dir string, services ...string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOWORK").Output()
	if err != nil {
		return fmt.Errorf("go env: %w", err)
	}
	work := strings.TrimSpace(string(root))
	if work == "" || work == "off" {
		return errors.New("no Go workspace found; run chaos in the folder of the suite")
	}
	args := []string{"build", "-o", dir + "/"}
	for _, name := range services {
		args = append(args, "./"+name)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = filepath.Dir(work)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out)
	}
	return nil
}

// freeAddresses returns addresses that stay free while nobody listens there:
// the ports from 32768 on are given to clients.
func freeAddresses(n int) ([]string, error) {
	var addrs []string
	for range 100 * n {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer l.Close() // all are held until all are found
		if addrs = append(addrs, addr); len(addrs) == n {
			return addrs, nil
		}
	}
	return nil, fmt.Errorf("no %d free ports between 10000 and 30000", n)
}
