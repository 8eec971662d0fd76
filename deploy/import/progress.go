package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const barWidth = 30

// progress reads a file and shows how much of it was sent, and how many rows have a result.
type progress struct {
	file io.Reader
	size int64
	out  io.Writer

	mu    sync.Mutex
	sent  int64
	rows  int
	shown time.Time
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.file.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += int64(n)
	p.show()
	return n, err
}

// row counts the result of a row.
func (p *progress) row() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows++
	p.show()
}

// show draws the bar, at most ten times a second.
func (p *progress) show() {
	if time.Since(p.shown) < 100*time.Millisecond {
		return
	}
	p.draw()
}

// end draws the bar for the last time.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw()
	fmt.Fprintln(p.out)
}

func (p *progress) draw() {
	p.shown = time.Now()
	done := barWidth
	if p.size > 0 {
		done = int(min(p.sent, p.size) * barWidth / p.size)
	}
	fmt.Fprintf(p.out, "\r[%s%s] %3d %% sent, %s", strings.Repeat("#", done), strings.Repeat(".", barWidth-done), done*100/barWidth, rows(int64(p.rows)))
}
