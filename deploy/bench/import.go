package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/battery-passport/suite/deploy/api"
)

// importRows compares an import of passports of 12 kB with single creates, and exports all passports.
func importRows(ctx context.Context, b *bench, s *suite) error {
	rows := b.passports
	begin := time.Now()
	if _, err := s.createMany(ctx, rows/10, complete); err != nil {
		return err
	}
	creates := float64(rows/10) / time.Since(begin).Seconds()
	s.settle()
	resting := s.memory("VmRSS")
	if err := s.resetPeak(); err != nil {
		return err
	}
	body, file := io.Pipe()
	go func() {
		var err error
		for row := 0; row < rows && err == nil; row++ {
			_, err = file.Write(append(bytes.ReplaceAll(s.create(complete).Body, []byte("\n"), []byte(" ")), '\n'))
		}
		file.CloseWithError(err)
	}()
	before, begin := s.cpu(), time.Now()
	last, _, err := s.stream(ctx, http.MethodPost, "/import", body)
	if !bytes.Contains(last, fmt.Appendf(nil, `"created":%d,`, rows)) {
		return errors.Join(err, fmt.Errorf("import: got %s, want %d created passports", last, rows))
	}
	rate, name := float64(rows)/time.Since(begin).Seconds(), fmt.Sprintf("import of %d passports of 12 kB", rows)
	s.record(name+", per second", rate)
	s.record(name+", times the rate of single creates", rate/creates)
	s.record(name+", peak of memory above rest, MiB", s.memory("VmHWM")-resting)
	s.settle()
	s.record(name+", CPU per passport with its events, ms", milliseconds(s.cpu()-before)/float64(rows))
	begin = time.Now()
	_, exported, err := s.stream(ctx, http.MethodGet, "/export", nil)
	s.record("export as NDJSON, passports per second", float64(exported)/time.Since(begin).Seconds())
	return err
}

// stream sends a request of any duration. It returns the last line of the response and their number.
func (s *suite) stream(ctx context.Context, method, path string, body io.Reader) (last []byte, lines int, err error) {
	req, err := api.NewRequest(ctx, method, s.passport+"/api/passports"+path, s.operator, body)
	if err != nil {
		return nil, 0, err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := api.Do(&http.Client{Transport: client.Transport}, req)
	if err != nil {
		return nil, 0, err
	}
	defer res.Body.Close()
	scanner := bufio.NewScanner(res.Body)
	for scanner.Buffer(nil, mebibyte); scanner.Scan(); lines++ {
		last = append(last[:0], scanner.Bytes()...)
	}
	return last, lines, scanner.Err()
}
