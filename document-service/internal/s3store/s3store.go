// Package s3store stores objects in an S3 bucket.
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
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/battery-passport/suite/pkg/fault"
)

// Config holds the settings of the bucket and the connection to it.
type Config struct {
	KeyID          string `envconfig:"AWS_ACCESS_KEY_ID" desc:"Access key id for S3. Empty: the default credential chain of AWS is used, such as the role of a container or an instance."`
	Secret         string `envconfig:"AWS_SECRET_ACCESS_KEY" secret:"true" desc:"Secret access key for S3."`
	Session        string `envconfig:"AWS_SESSION_TOKEN" secret:"true" desc:"Session token, for temporary keys."`
	Region         string `envconfig:"AWS_REGION" default:"us-east-1" desc:"AWS region of the bucket."`
	Bucket         string `envconfig:"S3_BUCKET_NAME" default:"battery-passport-documents" desc:"S3 bucket of the files; created at the start if it does not exist and the key may create it."`
	Endpoint       string `envconfig:"S3_ENDPOINT" desc:"URL of the S3 server. Empty: AWS."`
	PathStyle      bool   `envconfig:"S3_FORCE_PATH_STYLE" default:"false" desc:"Whether the bucket name goes into the URL path instead of the host name, as most servers other than AWS require."`
	CAFile         string `envconfig:"S3_CA_FILE" desc:"PEM file of the CA certificates for S3_ENDPOINT. Empty: those of the system."`
	PublicEndpoint string `envconfig:"S3_PUBLIC_ENDPOINT" desc:"URL of the S3 server in download links, if clients cannot reach S3_ENDPOINT."`

	Metrics prometheus.Registerer // nil: no metrics
}

var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// Validate returns an error that names every invalid setting.
func (c Config) Validate() error {
	var errs []error
	for variable, text := range map[string]string{"S3_ENDPOINT": c.Endpoint, "S3_PUBLIC_ENDPOINT": c.PublicEndpoint} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
			errs = append(errs, fmt.Errorf("  %s: must be an http or https URL, got %q", variable, text))
		}
	}
	if c.Region == "" {
		errs = append(errs, errors.New("  AWS_REGION: must not be empty"))
	}
	if !bucketName.MatchString(c.Bucket) {
		errs = append(errs, fmt.Errorf("  S3_BUCKET_NAME: must be 3 to 63 lower-case letters, digits, hyphens and dots, got %q", c.Bucket))
	}
	if (c.KeyID == "") != (c.Secret == "") {
		errs = append(errs, errors.New("  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY: must be set together"))
	}
	if _, err := c.roots(); err != nil {
		errs = append(errs, fmt.Errorf("  S3_CA_FILE: %w", err))
	}
	return errors.Join(errs...)
}

// roots returns the trusted CA certificates, or nil for those of the system.
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
		return nil, fmt.Errorf("%s contains no PEM certificate", c.CAFile)
	}
	return pool, nil
}

const (
	dialTimeout = 2 * time.Second
	// requestTimeout applies to every request, such as one part of an upload, but not
	// to reading the body of a download.
	requestTimeout = 10 * time.Second
	attempts       = 3
	maxBackoff     = 500 * time.Millisecond
	idleConns      = 16
)

// Store is an S3 bucket. It is safe for concurrent use. Its methods fail with
// fault.Unavailable when S3 does not respond or refuses an operation.
type Store struct {
	bucket    string
	client    *s3.Client
	downloads *http.Client // for downloads, without a timeout
	presigner *s3.PresignClient
}

// Open returns the bucket without connecting to S3. It fails when the CA file cannot
// be loaded.
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
	transport.DisableCompression = true // files are sent to clients as they are stored
	s := &Store{bucket: cfg.Bucket, downloads: &http.Client{Transport: transport}}
	options := s3.Options{
		Region: cfg.Region, UsePathStyle: cfg.PathStyle, BaseEndpoint: endpoint(cfg.Endpoint),
		Credentials: cfg.credentials(),
		HTTPClient:  &http.Client{Transport: transport, Timeout: requestTimeout},
		Retryer: retry.NewStandard(func(o *retry.StandardOptions) {
			o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff
		}),
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
		// Ranges and multipart objects have no checksum to validate; do not log that.
		DisableLogOutputChecksumValidationSkipped: true,
		APIOptions: []func(*middleware.Stack) error{measure(cfg.Metrics)},
	}
	s.client = s3.New(options)
	options.APIOptions = nil // signing a link is not an S3 operation
	if cfg.PublicEndpoint != "" {
		options.BaseEndpoint = endpoint(cfg.PublicEndpoint)
	}
	s.presigner = s3.NewPresignClient(s3.New(options))
	return s, nil
}

func endpoint(url string) *string {
	if url == "" {
		return nil
	}
	return aws.String(strings.TrimSuffix(url, "/"))
}

// Close closes idle connections.
func (s *Store) Close() { s.downloads.CloseIdleConnections() }

// Prepare creates the bucket if it does not exist. Its errors explain what to do.
func (s *Store) Prepare(ctx context.Context) error {
	err := s.Ping(ctx)
	if !fault.Is(err, fault.NotFound) {
		return err
	}
	in := &s3.CreateBucketInput{Bucket: &s.bucket}
	if region := s.client.Options().Region; region != "us-east-1" { // S3 does not accept us-east-1 as a constraint
		in.CreateBucketConfiguration = &types.CreateBucketConfiguration{LocationConstraint: types.BucketLocationConstraint(region)}
	}
	switch _, err := s.client.CreateBucket(ctx, in); code(err) {
	case "BucketAlreadyOwnedByYou": // created by another process
		return nil
	case "":
		return s.toFault(err)
	default:
		return fault.New(fault.Unavailable, "the bucket %s does not exist and cannot be created: create it, allow the key to create it, or set S3_BUCKET_NAME to another bucket", s.bucket).Because(err)
	}
}

// Ping checks that the bucket exists and can be accessed.
func (s *Store) Ping(ctx context.Context) error {
	_, err := s.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &s.bucket})
	if code(err) == "NotFound" {
		return fault.New(fault.NotFound, "the bucket %s does not exist", s.bucket).Because(err)
	}
	return s.toFault(err)
}

// toFault converts an error of S3 to a fault.
func (s *Store) toFault(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err // from the body of an upload
	}
	if missing(err) {
		return fault.New(fault.NotFound, "the object does not exist").Because(err)
	}
	if _, ok := errors.AsType[noCredentials](err); ok {
		return fault.New(fault.Unavailable, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set, and the AWS credential chain has no credentials: files cannot be stored or read").Because(err)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.New(fault.Unavailable, "the certificate of the object storage is not trusted: check S3_CA_FILE and the host name in S3_ENDPOINT").Because(err)
	}
	switch code := code(err); code {
	case "":
		return fault.New(fault.Unavailable, "the object storage does not respond").Because(err)
	case "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "InvalidTokenId":
		return fault.New(fault.Unavailable, "the object storage refuses the access key of this service").Because(err)
	case "NoSuchBucket":
		return fault.New(fault.Unavailable, "the bucket %s does not exist", s.bucket).Because(err)
	default:
		return fault.New(fault.Unavailable, "the object storage refuses the operation: %s", code).Because(err)
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
