package s3store

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
)

const (
	// PartSize is the size of an upload part in bytes, the minimum of S3. An upload
	// has up to three parts in memory.
	PartSize = 5 << 20
	// MaxBytes is the size of the largest object that Put can store.
	MaxBytes = maxParts * PartSize

	maxParts     = 10_000
	abortTimeout = 5 * time.Second // applies also after the client has disconnected
)

func newUploader(client transfermanager.S3APIClient) *transfermanager.Client {
	return transfermanager.New(client, func(o *transfermanager.Options) {
		o.PartSizeBytes, o.MultipartUploadThreshold = PartSize, PartSize
		o.Concurrency, o.FailTimeout = 1, abortTimeout
	})
}

// Put implements document.Objects. S3 checks the checksum of each part.
func (s *Store) Put(ctx context.Context, key, mediaType string, body io.Reader) error {
	_, err := s.uploads.UploadObject(ctx, &transfermanager.UploadObjectInput{
		Bucket: &s.bucket, Key: &key, ContentType: &mediaType, Body: body,
	})
	return s.toFault(err)
}
