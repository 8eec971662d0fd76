package documentd_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/textproto"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/battery-passport/suite/document-service/documentd"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/auth/authtest"
	"github.com/battery-passport/suite/pkg/auth/token"
	"github.com/battery-passport/suite/pkg/rest"
	"github.com/battery-passport/suite/pkg/rest/resttest"
	"github.com/battery-passport/suite/pkg/store/connect"
	"github.com/battery-passport/suite/pkg/store/storetest"
)

// TestMain runs the tests with an S3 server and fails when they leak a goroutine. In a
// child process, it runs the service.
func TestMain(m *testing.M) {
	if data := os.Getenv(childEnv); data != "" {
		fmt.Fprintln(os.Stderr, "child:", runChild(data))
		os.Exit(1) // a child only ends when it is killed
	}
	goleak.VerifyTestMain(withS3{m}, s3Goroutines()...)
}

// service is a running document-service and the issuer of its tokens.
type service struct {
	resttest.Client
	stop   func()
	issuer *authtest.Issuer
	cfg    documentd.Config
	bucket bucket
}

// start starts a service with an empty bucket.
func start(t *testing.T, db connect.Config, change ...func(*documentd.Config)) *service {
	t.Helper()
	return startWith(t, authtest.New(t), newBucket(t), db, change...)
}

func startWith(t *testing.T, issuer *authtest.Issuer, bucket bucket, db connect.Config, change ...func(*documentd.Config)) *service {
	t.Helper()
	s := &service{issuer: issuer, bucket: bucket, cfg: documentd.Config{
		MaxBytes: 10 << 20, SweepAfter: 24 * time.Hour, Store: db, S3: bucket.Config, Auth: token.Config{URL: issuer.URL},
	}}
	for _, c := range change {
		c(&s.cfg)
	}
	s.Client, s.stop = resttest.Start(t, func(ctx context.Context, http rest.Config) error {
		cfg := s.cfg
		http.Timeouts = cfg.HTTP.Timeouts
		cfg.HTTP = http
		return documentd.Run(ctx, cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	})
	return s
}

// each runs a test on an empty database of each driver.
func each(t *testing.T, test func(*testing.T, *service)) {
	storetest.EachDriver(t, func(t *testing.T, db connect.Config) { test(t, start(t, db)) })
}

// as returns an access token.
func (s *service) as(role auth.Role, organisation string) string {
	return s.issuer.Token(s.T, auth.Principal{UserID: string(role) + "@" + organisation, Email: "x@x.example", Role: role, Organisation: organisation})
}

// A field of a form. It is a file if it has a file name.
type field struct{ name, value, fileName, fileType string }

func file(name, contentType, content string) field { return field{"file", content, name, contentType} }

// form returns a multipart body and its content type. File names are encoded like
// in browsers, in UTF-8.
func form(fields ...field) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, f := range fields {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, f.name)}}
		if f.fileName != "" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename="%s"`, f.name, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(f.fileName)))
		}
		if f.fileType != "" {
			h.Set("Content-Type", f.fileType)
		}
		part, err := w.CreatePart(h)
		if err == nil {
			_, err = io.WriteString(part, f.value)
		}
		if err != nil {
			panic(err) // in memory
		}
	}
	w.Close()
	return b.String(), w.FormDataContentType()
}

const upload = "POST /api/documents/upload"

func (s *service) post(token string, fields ...field) resttest.Response {
	s.T.Helper()
	body, contentType := form(fields...)
	return s.Call(upload, token, body, "Content-Type", contentType)
}

type documentResponse struct {
	DocID, FileName, OriginalName, FileType, SHA256, Description, PassportID, Kind, AccessClass, Status, UploadedBy, UpdatedBy, Organisation, DownloadURL string
	FileSize                                                                                                                                              int64
	IsPublic, FromPassportOwner                                                                                                                           bool
	CreatedAt, UpdatedAt, ExpiresAt                                                                                                                       time.Time
}

func (s *service) upload(token string, fields ...field) documentResponse {
	s.T.Helper()
	var d documentResponse
	s.post(token, fields...).Want(201, &d)
	return d
}

const pdf = "%PDF-1.7\n%âãÏÓ\n1 0 obj\n<<>>\nendobj\n"
