package documentd_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/battery-passport/suite/document-service/internal/s3store"
	"github.com/battery-passport/suite/document-service/s3local"
	"github.com/battery-passport/suite/pkg/rest/resttest"
)

// Environment variables of the S3 server that the tests use.
const (
	endpointEnv = "S3_ENDPOINT"
	keyEnv      = "AWS_ACCESS_KEY_ID"
	secretEnv   = "AWS_SECRET_ACCESS_KEY"
	region      = "us-east-1"
)

// withS3 runs the tests on the S3 server of S3_ENDPOINT or, if that is not set, on an
// S3 server in this process.
type withS3 struct{ tests *testing.M }

func (w withS3) Run() int {
	if os.Getenv(endpointEnv) != "" {
		return w.tests.Run()
	}
	server, dir, err := startS3()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	code := w.tests.Run()
	if err := server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "S3 server:", err)
		return 1
	}
	return code
}

func startS3() (*s3local.Server, string, error) {
	dir, err := os.MkdirTemp("", "s3test")
	if err != nil {
		return nil, "", err
	}
	server, err := s3local.Start(context.Background(), s3local.Config{Dir: dir, Addr: "127.0.0.1:0", KeyID: "key", Secret: "secret", Region: region})
	if err != nil {
		return nil, "", err
	}
	for name, value := range map[string]string{endpointEnv: "http://" + server.Addr, keyEnv: "key", secretEnv: "secret"} {
		os.Setenv(name, value)
	}
	return server, dir, nil
}

// s3Goroutines are the goroutines that the S3 server does not stop, or stops late.
func s3Goroutines() []goleak.Option {
	return []goleak.Option{
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"),
	}
}

// bucket is a bucket of one test.
type bucket struct {
	s3store.Config
	client *s3.Client
}

// newBucket returns a bucket that does not exist yet. It is removed after the test.
func newBucket(t testing.TB) bucket {
	t.Helper()
	b := bucket{Config: s3store.Config{
		KeyID: os.Getenv(keyEnv), Secret: os.Getenv(secretEnv), Region: cmp.Or(os.Getenv("AWS_REGION"), region),
		Bucket: "test-" + uuid.NewString(), Endpoint: os.Getenv(endpointEnv), PathStyle: true,
	}}
	b.client = s3.New(s3.Options{
		Region: b.Region, UsePathStyle: true, BaseEndpoint: aws.String(b.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(b.KeyID, b.Secret, ""), HTTPClient: http.DefaultClient,
	})
	t.Cleanup(func() { b.drop(t) })
	return b
}

// keys returns the keys of all objects, and the unfinished multipart uploads as key
// and id. Some servers list uploads only for a whole key: the uploads of the given
// keys are always included.
func (b bucket) keys(t testing.TB, of ...string) (objects, uploads []string) {
	t.Helper()
	ctx := context.Background()
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			objects = append(objects, *o.Key)
		}
	}
	found := map[string]bool{}
	for _, prefix := range append(of, "") {
		page, err := b.client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &b.Bucket, Prefix: &prefix})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.Uploads {
			// MinIO also lists some uploads that no longer exist.
			if _, err := b.client.ListParts(ctx, &s3.ListPartsInput{Bucket: &b.Bucket, Key: u.Key, UploadId: u.UploadId}); err == nil {
				found[*u.Key+" "+*u.UploadId] = true
			}
		}
	}
	return objects, slices.Collect(maps.Keys(found))
}

func (b bucket) drop(t testing.TB) {
	defer resttest.CloseIdle()
	ctx := context.Background()
	if _, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.Bucket}); err != nil {
		return // no service created it
	}
	objects, _ := b.keys(t)
	for _, key := range objects {
		if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.Bucket, Key: &key}); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.Bucket}); err != nil {
		t.Error(err)
	}
}
