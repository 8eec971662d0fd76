package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// soakSuite sends requests of all kinds, and records memory and goroutines before and after.
func soakSuite(ctx context.Context, b *bench, s *suite) error {
	s.record("goroutines at rest, before", s.goroutines())
	if err := s.start(ctx); err != nil {
		return err
	}
	for part := range 5 {
		if _, err := (load{rate: 200, request: anything}).attack(ctx, s, b.soak/5); err != nil {
			return err
		}
		s.record(fmt.Sprintf("memory after %v, MiB", b.soak/5*time.Duration(part+1)), s.memory("VmRSS"))
	}
	s.record("goroutines at rest, after", s.goroutines())
	return nil
}

// goroutines counts the goroutines at rest. It ends the suite, which prints their stacks.
func (s *suite) goroutines() float64 {
	client.CloseIdleConnections()
	s.settle()
	s.stop(syscall.SIGQUIT)
	log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return float64(bytes.Count(log, []byte("\ngoroutine ")))
}
