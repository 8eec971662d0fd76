package s3store

import (
	"context"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

const (
	// PartSize is the size of an upload part in bytes, the minimum of S3. An upload
	// has at most one part in memory, and no more than the size of its file.
	PartSize = 5 << 20
	// MaxBytes is the size of the largest object that Put can store.
	MaxBytes = maxParts * PartSize

	maxParts     = 10_000
	blockSize    = PartSize / 20
	abortTimeout = 5 * time.Second // even after the client has disconnected
)

// Put implements document.Objects. S3 checks the checksum of each part. Put reads the
// next part after S3 has stored the previous one.
func (s *Store) Put(ctx context.Context, key, mediaType string, body io.Reader) error {
	var p part
	last, err := p.fill(body)
	if err != nil {
		return s.toFault(err)
	}
	if last {
		_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
			Bucket: &s.bucket, Key: &key, ContentType: &mediaType, Body: p.reader(), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		return s.toFault(err)
	}
	created, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, ContentType: &mediaType, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return s.toFault(err)
	}
	if err := s.putParts(ctx, key, created.UploadId, &p, body); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		// If this fails, document.Service.Abort or a sweep removes the parts.
		_, _ = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: created.UploadId})
		return s.toFault(err)
	}
	return nil
}

// putParts stores a part and the rest of body, and completes the upload.
func (s *Store) putParts(ctx context.Context, key string, upload *string, p *part, body io.Reader) error {
	var parts []types.CompletedPart
	for last := false; p.size > 0; {
		number := aws.Int32(int32(len(parts) + 1))
		stored, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: &s.bucket, Key: &key, UploadId: upload, PartNumber: number, Body: p.reader(), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		if err != nil {
			return err
		}
		parts = append(parts, types.CompletedPart{PartNumber: number, ETag: stored.ETag, ChecksumCRC32: stored.ChecksumCRC32})
		if last {
			break
		}
		if last, err = p.fill(body); err != nil {
			return err
		}
	}
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, UploadId: upload, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
	})
	return err
}

// part holds up to PartSize bytes. It grows by blocks, because a slice that grows would
// need twice its size.
type part struct {
	blocks [][]byte // each of blockSize
	size   int64
}

// fill replaces the content by the next bytes of body, and reports whether they are the
// last ones.
func (p *part) fill(body io.Reader) (last bool, err error) {
	p.size = 0
	for p.size < PartSize {
		i, offset := p.size/blockSize, p.size%blockSize
		if int(i) == len(p.blocks) {
			p.blocks = append(p.blocks, make([]byte, blockSize))
		}
		n, err := body.Read(p.blocks[i][offset:])
		p.size += int64(n)
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// reader returns a reader of the content, which the SDK reads again for a retry.
func (p *part) reader() io.ReadSeeker { return io.NewSectionReader(p, 0, p.size) }

// ReadAt implements io.ReaderAt.
func (p *part) ReadAt(b []byte, offset int64) (n int, err error) {
	for n < len(b) && offset < p.size {
		block := p.blocks[offset/blockSize]
		count := copy(b[n:], block[offset%blockSize:min(blockSize, offset%blockSize+p.size-offset)])
		n, offset = n+count, offset+int64(count)
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}
