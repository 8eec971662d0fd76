package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/battery-passport/suite/document-service/internal/document"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

var _ document.Objects = (*Store)(nil)

// readTimeout is how long S3 may send no data during a download.
const readTimeout = 10 * time.Second

// Open implements document.Objects. The body fails when S3 stalls.
func (s *Store) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &key}
	if length >= 0 { // the SDK verifies the checksum of a whole object
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", offset, offset+length-1))
	}
	out, err := s.client.GetObject(ctx, in, func(o *s3.Options) { o.HTTPClient = s.downloads })
	if err != nil {
		cancel()
		return nil, s.toFault(err)
	}
	return &download{out.Body, cancel}, nil
}

// download is a body that fails when S3 stalls.
type download struct {
	io.ReadCloser
	cancel context.CancelFunc
}

// Read waits up to readTimeout for S3. The time between two calls, during which the
// client reads, does not count.
func (d *download) Read(p []byte) (int, error) {
	defer time.AfterFunc(readTimeout, d.cancel).Stop()
	return d.ReadCloser.Read(p)
}

func (d *download) Close() error {
	defer d.cancel()
	return d.ReadCloser.Close()
}

// Remove implements document.Objects. It aborts uploads first, because they could
// create the object afterwards. It passes the whole key, because some servers find an
// upload only by that.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := s.AbortUploads(ctx, key, time.Time{}); err != nil {
		return err
	}
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	return ignoreNotFound(s.toFault(err))
}

// ignoreNotFound replaces fault.NotFound by nil.
func ignoreNotFound(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// Link implements document.Objects. It sends no request to S3, so the object may not exist.
func (s *Store) Link(ctx context.Context, key, name, mediaType string, valid time.Duration) (string, error) {
	request, err := s.presigner.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &s.bucket, Key: &key, ResponseContentDisposition: aws.String(rest.Attachment(name)), ResponseContentType: &mediaType,
	}, s3.WithPresignExpires(valid))
	if err != nil {
		return "", s.toFault(err)
	}
	return request.URL, nil
}

// List implements document.Objects.
func (s *Store) List(ctx context.Context, prefix, after string, before time.Time, f func(key string) error) error {
	in := &s3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix}
	if after != "" {
		in.StartAfter = &after
	}
	pages := s3.NewListObjectsV2Paginator(s.client, in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return s.toFault(err)
		}
		for _, object := range page.Contents {
			if aws.ToTime(object.LastModified).Before(before) {
				if err := f(aws.ToString(object.Key)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// AbortUploads implements document.Objects.
func (s *Store) AbortUploads(ctx context.Context, prefix string, before time.Time) error {
	var errs []error
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: &s.bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return errors.Join(append(errs, s.toFault(err))...)
		}
		for _, upload := range page.Uploads {
			if before.IsZero() || aws.ToTime(upload.Initiated).Before(before) {
				_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: upload.Key, UploadId: upload.UploadId})
				errs = append(errs, ignoreNotFound(s.toFault(err)))
			}
		}
	}
	return errors.Join(errs...)
}
