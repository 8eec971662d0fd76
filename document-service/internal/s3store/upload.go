package s3store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// buffers are of the size of a part. One whose request failed is not used again:
// its connection may still read it.
var buffers = sync.Pool{New: func() any { return new([PartSize]byte) }}

// ahead is held by the one upload that reads its next part while one goes out.
// Uploads that find it taken do the one after the other: more at once would make
// none of them faster, and each second part is memory.
var ahead sync.Mutex

// Put implements document.Objects. S3 checks the checksum of each part. An
// object of more than one part holds one of them, or two while it is ahead.
func (s *Store) Put(ctx context.Context, key, mediaType string, body io.Reader) error {
	buffer := buffers.Get().(*[PartSize]byte)
	n, err := io.ReadFull(body, buffer[:])
	switch err { // what the reader itself fails with may wrap these
	case nil:
		err = s.putParts(ctx, key, mediaType, buffer, body)
	case io.EOF, io.ErrUnexpectedEOF:
		_, err = s.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, ContentType: &mediaType, Body: bytes.NewReader(buffer[:n])})
	}
	if err == nil {
		buffers.Put(buffer)
	}
	return s.translated(err)
}

// putParts stores an object whose first part is read. When it fails it leaves
// nothing, as far as S3 answers soon.
func (s *Store) putParts(ctx context.Context, key, mediaType string, first *[PartSize]byte, body io.Reader) error {
	begun, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &s.bucket, Key: &key, ContentType: &mediaType, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return err
	}
	parts, err := s.sendParts(ctx, key, begun.UploadId, first, body)
	if err == nil {
		_, err = s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &s.bucket, Key: &key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
	}
	if err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), failTimeout)
		defer cancel()
		_, _ = s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &s.bucket, Key: &key, UploadId: begun.UploadId})
	}
	return err
}

// sendParts sends the part that is read, and reads the next, meanwhile where it
// is ahead, until there is none.
func (s *Store) sendParts(ctx context.Context, key string, id *string, first *[PartSize]byte, body io.Reader) ([]types.CompletedPart, error) {
	second := first
	if ahead.TryLock() {
		defer ahead.Unlock()
		second = buffers.Get().(*[PartSize]byte)
	}
	var parts []types.CompletedPart
	for out, in, n := first[:], second[:], PartSize; n > 0; {
		out = out[:n]
		sent := make(chan error, 1)
		send := func() {
			part, err := s.sendPart(ctx, key, id, int32(len(parts)+1), out)
			parts = append(parts, part)
			sent <- err
		}
		if second != first {
			go send()
		} else {
			send()
		}
		var failed error
		if n, failed = io.ReadFull(body, in); failed == io.EOF || failed == io.ErrUnexpectedEOF {
			failed = nil // the part is the last
		}
		if err := errors.Join(<-sent, failed); err != nil {
			return nil, err
		}
		out, in = in, out[:PartSize]
	}
	if second != first {
		buffers.Put(second)
	}
	return parts, nil
}

func (s *Store) sendPart(ctx context.Context, key string, id *string, number int32, content []byte) (types.CompletedPart, error) {
	out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &s.bucket, Key: &key, UploadId: id, PartNumber: aws.Int32(number), Body: bytes.NewReader(content),
		ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: aws.Int32(number), ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32}, nil
}
