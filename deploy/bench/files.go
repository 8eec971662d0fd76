package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"github.com/battery-passport/suite/deploy/stack"
)

const (
	bucket   = "battery-passport-documents"
	partSize = 5 << 20 // as the document-service has it
	fileSize = 64 << 20
)

// documents is a document-service in a process of its own, on the S3 server of
// the suite.
type documents struct {
	process
	url, token string
	direct     *transfermanager.Client
	raw        *s3.Client
}

func (f *fleet) documents() *documents {
	d := &documents{process: f.document.process, url: f.document.url, token: f.token}
	d.raw = s3.New(s3.Options{
		BaseEndpoint: aws.String(f.backends.s3), UsePathStyle: true, Region: "us-east-1",
		Credentials:                credentials.NewStaticCredentialsProvider(stack.S3KeyID, stack.S3Secret, ""),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported, ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	})
	d.direct = transfermanager.New(d.raw, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold, o.Concurrency = partSize, partSize, 1
	})
	return d
}

// measureFiles holds files through the service against the same files put to
// and got from its S3 server directly, with the same library, in turns.
func measureFiles(ctx context.Context, f *fleet, t *table) error {
	d := f.documents()
	file := slices.Concat([]byte("text "), bytes.Repeat([]byte("0123456789abcde\n"), fileSize/16))
	var up, down, upDirect, downDirect []time.Duration
	for range f.rounds {
		var id string
		if err := timed(&up, func() (err error) { id, err = d.upload(ctx, bytes.NewReader(file)); return err }); err != nil {
			return err
		}
		if err := timed(&upDirect, func() error { return d.put(ctx, "bench", file) }); err != nil {
			return err
		}
		if err := timed(&down, func() error { return d.download(ctx, id, len(file)) }); err != nil {
			return err
		}
		if err := timed(&downDirect, func() error { return d.get(ctx, "bench", len(file)) }); err != nil {
			return err
		}
	}
	speed := func(took []time.Duration) float64 { return float64(len(file)) / 1e6 / median(took).Seconds() }
	for _, way := range []struct {
		name           string
		ours, directly float64
		least          float64
	}{{"upload", speed(up), speed(upDirect), 0.8}, {"download", speed(down), speed(downDirect), 0.9}} {
		t.least(fmt.Sprintf("%s of 64 MiB", way.name), fmt.Sprintf("≥ %.0f %% of the S3 server directly", 100*way.least), way.ours/way.directly, way.least,
			"%.0f MB/s, %.0f %% of %.0f MB/s", way.ours, 100*way.ours/way.directly, way.directly)
	}
	return d.measureMemory(ctx, f, t)
}

// measureMemory uploads four large files at once, two for each of two users, who
// have half of the places each.
func (d *documents) measureMemory(ctx context.Context, f *fleet, t *table) error {
	other, err := f.login(ctx, "files@bench.example", "")
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i := range 4 {
		of := *d
		if i%2 == 1 {
			of.token = other
		}
		g.Go(func() error {
			_, err := of.upload(ctx, io.LimitReader(lines{}, f.large))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	most := d.status("VmHWM:")
	t.most(fmt.Sprintf("document-service, memory with 4 uploads of %d MiB at once", f.large>>20), "≤ 64 MiB", most, 64, "%.0f MiB", most)
	return nil
}

// lines is text without an end.
type lines struct{}

func (lines) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "text without an end\n"[i%20]
	}
	return len(p), nil
}

func (d *documents) upload(ctx context.Context, content io.Reader) (id string, err error) {
	body, pipe := io.Pipe()
	form := multipart.NewWriter(pipe)
	go func() {
		part, err := form.CreateFormFile("file", "bench.txt")
		if err == nil {
			_, err = io.Copy(part, content)
		}
		if err == nil {
			err = form.Close()
		}
		pipe.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/api/documents/upload", body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	res, err := d.do(req)
	if err != nil {
		return "", err
	}
	data, err := read(res)
	if err == nil && res.StatusCode != http.StatusCreated {
		err = fmt.Errorf("upload = %d: %s", res.StatusCode, data)
	}
	if err != nil {
		return "", err
	}
	var made struct{ DocID string }
	err = json.Unmarshal(data, &made)
	return made.DocID, err
}

func (d *documents) download(ctx context.Context, id string, size int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url+"/api/documents/"+id+"/content", nil)
	if err != nil {
		return err
	}
	res, err := d.do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return drain(res.Body, size)
}

func (d *documents) do(req *http.Request) (*http.Response, error) {
	req.Header.Set("Authorization", "Bearer "+d.token)
	return http.DefaultClient.Do(req) // without the deadline of client
}

func (d *documents) put(ctx context.Context, key string, file []byte) error {
	_, err := d.direct.UploadObject(ctx, &transfermanager.UploadObjectInput{Bucket: aws.String(bucket), Key: aws.String(key), Body: struct{ io.Reader }{bytes.NewReader(file)}})
	return err
}

func (d *documents) get(ctx context.Context, key string, size int) error {
	out, err := d.raw.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(key)})
	if err != nil {
		return err
	}
	defer out.Body.Close()
	return drain(out.Body, size)
}

func drain(r io.Reader, size int) error {
	if n, err := io.Copy(io.Discard, r); err != nil || int(n) != size {
		return fmt.Errorf("%d of %d bytes: %w", n, size, err)
	}
	return nil
}

func timed(took *[]time.Duration, f func() error) error {
	begin := time.Now()
	err := f()
	*took = append(*took, time.Since(begin))
	return err
}

// median sorts the values.
func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
