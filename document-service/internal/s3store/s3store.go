// Package s3store keeps objects in a bucket of S3.
package s3store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/fault"
)

// Config is where the bucket is and how to reach it.
type Config struct {
	KeyID          string `envconfig:"AWS_ACCESS_KEY_ID" desc:"key id for S3; empty: what the default credential chain of AWS gives, such as the role of a container or of a machine"`
	Secret         string `envconfig:"AWS_SECRET_ACCESS_KEY" secret:"true" desc:"secret of the key"`
	Session        string `envconfig:"AWS_SESSION_TOKEN" secret:"true" desc:"session token of the key, where it is a temporary one"`
	Region         string `envconfig:"AWS_REGION" default:"us-east-1" desc:"region of the bucket"`
	Bucket         string `envconfig:"S3_BUCKET_NAME" default:"battery-passport-documents" desc:"bucket of the files; it is made when it is missing and may be"`
	Endpoint       string `envconfig:"S3_ENDPOINT" desc:"URL of an S3 server; empty: AWS"`
	PathStyle      bool   `envconfig:"S3_FORCE_PATH_STYLE" default:"false" desc:"name the bucket in the path, not in the host, as most servers but AWS need"`
	CAFile         string `envconfig:"S3_CA_FILE" desc:"PEM file of the authorities that vouch for S3_ENDPOINT; empty: those of the system"`
	PublicEndpoint string `envconfig:"S3_PUBLIC_ENDPOINT" desc:"URL of the S3 server for download links, where clients do not reach S3_ENDPOINT"`

	Metrics prometheus.Registerer // nil: none
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Validate returns all that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	for variable, text := range map[string]string{"S3_ENDPOINT": c.Endpoint, "S3_PUBLIC_ENDPOINT": c.PublicEndpoint} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			errs = append(errs, fmt.Errorf("  %s: is no http or https URL", variable))
		}
	}
	if c.Region == "" {
		errs = append(errs, errors.New("  AWS_REGION: is empty"))
	}
	if !bucketName.MatchString(c.Bucket) {
		errs = append(errs, errors.New("  S3_BUCKET_NAME: has to be 3 to 63 lower-case letters, digits, hyphens and dots"))
	}
	if (c.KeyID == "") != (c.Secret == "") {
		errs = append(errs, errors.New("  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: one is set without the other"))
	}
	if _, err := c.roots(); err != nil {
		errs = append(errs, fmt.Errorf("  S3_CA_FILE: %w", err))
	}
	return errors.Join(errs...)
}

// roots returns the trusted authorities, or nil for those of the system.
func (c Config) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM", c.CAFile)
	}
	return pool, nil
}

const (
	dialTimeout = 2 * time.Second
	// requestTimeout is for a request without the body of a download, and so for
	// one part of an upload.
	requestTimeout = 10 * time.Second
	attempts       = 3
	maxBackoff     = 500 * time.Millisecond
	idleConns      = 16
)

// Store is a bucket. It is safe for concurrent use. Its methods fail with
// fault.Unavailable when S3 does not answer or refuses an operation.
type Store struct {
	bucket  string
	client  *s3.Client
	uploads *transfermanager.Client
	streams *http.Client // for downloads, without a timeout
	links   *s3.PresignClient
}

// Open returns the bucket without connecting to S3. It fails when a configured file
// cannot be used.
func Open(cfg Config) (*Store, error) {
	roots, err := cfg.roots()
	if err != nil {
		return nil, fmt.Errorf("S3_CA_FILE: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout}).DialContext
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	transport.ResponseHeaderTimeout = requestTimeout
	transport.MaxIdleConnsPerHost = idleConns
	transport.DisableCompression = true // files are passed on as they are stored
	s := &Store{bucket: cfg.Bucket, streams: &http.Client{Transport: transport}}
	options := s3.Options{
		Region: cfg.Region, UsePathStyle: cfg.PathStyle, BaseEndpoint: endpoint(cfg.Endpoint),
		Credentials: cfg.credentials(),
		HTTPClient:  &http.Client{Transport: transport, Timeout: requestTimeout},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
		}),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		// A range, or an object of parts, has no checksum that could be compared.
		DisableLogOutputChecksumValidationSkipped: true,
		APIOptions: []func(*middleware.Stack) error{observe(cfg.Metrics)},
	}
	s.client = s3.New(options)
	s.uploads = newUploader(s.client)
	options.APIOptions = nil // signing a link is no operation
	if cfg.PublicEndpoint != "" {
		options.BaseEndpoint = endpoint(cfg.PublicEndpoint)
	}
	s.links = s3.NewPresignClient(s3.New(options))
	return s, nil
}

func endpoint(url string) *string {
	if url == "" {
		return nil
	}
	return aws.String(strings.TrimSuffix(url, "/"))
}

// Close closes idle connections.
func (s *Store) Close() { s.streams.CloseIdleConnections() }

// Prepare creates the bucket when it is missing. Its error says what to do.
func (s *Store) Prepare(ctx context.Context) error {
	err := s.Ping(ctx)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	if region := s.client.Options().Region; region != "us-east-1" { // which S3 refuses as a constraint
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	switch _, err := s.client.CreateBucket(ctx, in); code(err) {
	case "BucketAlreadyOwnedByYou": // by another process
		return nil
	case "":
		return s.translated(err)
	default:
		return fault.New(fault.Unavailable, "the bucket %s is missing and cannot be made here: make it, or give the key the right to, or set S3_BUCKET_NAME to another", s.bucket).Because(err)
	}
}

// Ping fails when the bucket does not exist.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if code(err) == "NotFound" {
		return fault.New(fault.NotFound, "there is no bucket %s", s.bucket).Because(err)
	}
	return s.translated(err)
}

// translated returns an error of S3 as a fault.
func (s *Store) translated(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err // of the reader of an upload
	}
	if missing(err) {
		return fault.New(fault.NotFound, "there is no such object").Because(err)
	}
	if _, ok := errors.AsType[noCredentials](err); ok {
		return fault.New(fault.Unavailable, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and the credential chain of AWS gives none: files cannot be stored or read").Because(err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.New(fault.Unavailable, "the certificate of the object storage is not to be trusted: see S3_CA_FILE, and the name in S3_ENDPOINT").Because(err)
	}
	switch code := code(err); code {
	case "":
		return fault.New(fault.Unavailable, "the object storage does not answer").Because(err)
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidTokenId":
		return fault.New(fault.Unavailable, "the object storage refuses the key of this service").Because(err)
	case "NoSuchBucket":
		return fault.New(fault.Unavailable, "there is no bucket %s", s.bucket).Because(err)
	default:
		return fault.New(fault.Unavailable, "the object storage refuses what is asked of it: %s", code).Because(err)
	}
}

func missing(err error) bool {
	return slices.Contains([]string{"NoSuchKey", "NotFound", "NoSuchUpload"}, code(err))
}

// code returns the S3 code of an error, or "".
func code(err error) string {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		return e.ErrorCode()
	}
	return ""
}
