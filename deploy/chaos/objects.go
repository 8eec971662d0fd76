package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// client is a client of the S3 server itself, past the document-service.
func (s storage) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint, Region: s.Region, UsePathStyle: true,
		Credentials:                credentials.NewStaticCredentialsProvider(s.KeyID, s.Secret, ""),
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
}

// judgeObjects looks for objects without a document, and for uploads that
// nobody ends: a sweep removes both. Where that comes too late to be waited for
// they have to be proven to be of an upload in doubt, or of a deleted document.
func (r *reconciler) judgeObjects(ctx context.Context, f *findings, n *counts) error {
	if r.S3.Endpoint == "" {
		return nil
	}
	client := r.S3.client()
	objects := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &r.S3.Bucket})
	for objects.HasMorePages() {
		list, err := objects.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("objects at %s: %w", r.S3.Endpoint, err)
		}
		for _, o := range list.Contents {
			if o.LastModified.Before(r.began) {
				continue // of others
			}
			if err := r.judgeObject(ctx, client, *o.Key, f, n); err != nil {
				return err
			}
		}
	}
	uploads, err := client.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &r.S3.Bucket})
	if err != nil {
		return fmt.Errorf("uploads at %s: %w", r.S3.Endpoint, err)
	}
	for _, u := range uploads.Uploads {
		switch {
		case u.Initiated != nil && u.Initiated.Before(r.began):
		case r.sweepsSoon():
			f.add(orphan, *u.Key, "its upload was begun, and not ended")
		default:
			n.Swept++
		}
	}
	return nil
}

// sweepsSoon tells whether a sweep can be waited for.
func (r *reconciler) sweepsSoon() bool { return r.SweepAfter <= time.Minute }

func (r *reconciler) judgeObject(ctx context.Context, client *s3.Client, key string, f *findings, n *counts) error {
	id := path.Base(key)
	for _, d := range r.documents {
		if d.id == id && !r.contents[d].gone {
			n.Objects++
			return nil
		}
	}
	a := r.send(ctx, request{who: r.admin, method: http.MethodGet, url: r.Document + "/api/documents/" + id})
	switch {
	case a.status == http.StatusOK: // of others
	case a.status != http.StatusNotFound:
		return fmt.Errorf("document %s: answered %v", id, a)
	case r.sweepsSoon():
		f.add(orphan, id, "the object %s has no document", key)
	default:
		proven, err := r.willBeSwept(ctx, client, key, id)
		if err != nil {
			return err
		}
		if n.Swept++; !proven {
			f.add(orphan, id, "the object %s has no document, and is of no upload in doubt", key)
		}
	}
	return nil
}

// willBeSwept tells whether an object is of a document that is deleted, or has
// the content of an upload in doubt.
func (r *reconciler) willBeSwept(ctx context.Context, client *s3.Client, key, id string) (bool, error) {
	out, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &r.S3.Bucket, Key: &key})
	if err != nil {
		return false, fmt.Errorf("object %s: %w", key, err)
	}
	defer out.Body.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, out.Body); err != nil {
		return false, fmt.Errorf("object %s: %w", key, err)
	}
	is := hex.EncodeToString(sum.Sum(nil))
	for _, d := range r.documents {
		if d.deleting && d.id == id || !d.sure && d.sum == is {
			return true, nil
		}
	}
	return false, nil
}
