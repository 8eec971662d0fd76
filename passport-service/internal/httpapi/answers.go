package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/battery-passport/suite/passport-service/internal/cache"
	"github.com/battery-passport/suite/passport-service/internal/passport"
	"github.com/battery-passport/suite/passport-service/internal/resolver"
	"github.com/battery-passport/suite/pkg/auth"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// Answers keeps the responses about single passports: pages, JSON and linksets for
// everyone, and JSON for each access of signed-in readers. The store is asked for the
// version of the passport each time, so a change is seen at once. Pages for signed-in
// readers are not in it, and no answers about drafts: after a draft is deleted, another
// one may have its id and its versions.
type Answers struct {
	cache    *cache.Cache[answerKey, *answer]
	rendered *prometheus.CounterVec
}

// NewAnswers returns a cache for a number of bytes.
func NewAnswers(limit int, metrics prometheus.Registerer) *Answers {
	answers := cache.New(limit, answerSize)
	promauto.With(metrics).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "passport_answers_bytes", Help: "Size of the cached pages, JSON and linksets of passports in bytes.",
	}, func() float64 { return float64(answers.Used()) })
	return &Answers{answers, promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "passport_answers_rendered_total", Help: "Pages, JSON and linksets of passports that were rendered because the cache did not have them.",
	}, []string{"reader", "type"})}
}

// answerKey identifies a representation of a passport. With the revision alone, it is the
// key of the passport without its data, which decides on the access of each reader.
type answerKey struct {
	passport.Revision
	access    passport.Access // of signed-in readers; zero: everyone
	mediaType string
	language  string // of a page
	view      string // of a page, or the path of a linkset
	files     string // state of the list of public files, of a page
}

// answer is a response body, plain and compressed. It has a subject only with the key of a
// revision, and no compressed body for signed-in readers: the length would reveal a part of
// the body (BREACH).
type answer struct {
	mediaType, language, etag string
	plain, gzip               []byte
	subject                   *passport.Subject
}

func answerSize(k answerKey, a *answer) int {
	size := len(a.plain) + len(a.gzip) + len(k.view) + len(k.files) + 512
	if a.subject != nil {
		size += 1024
	}
	return size
}

// compressors are reused: a new one takes longer than the compression. For a page, level 5
// takes 40 % of the time of the standard library for the same number of bytes.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, 5) // fails for unknown levels only
	return z
}}

// newAnswer returns an answer for everyone. It copies body: the array of a page is larger than the page.
func newAnswer(key answerKey, body []byte) *answer {
	var b bytes.Buffer
	b.Grow(len(body) / 4)
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	z.Write(body) // writes to memory do not fail
	z.Close()
	return &answer{mediaType: key.mediaType, language: key.language, etag: rest.BodyETag(body), plain: bytes.Clone(body), gzip: bytes.Clone(b.Bytes())}
}

// source finds a published passport.
type source struct {
	revision func(context.Context) (passport.Revision, error) // of the passport, published or not; cheaper than read
	read     func(context.Context) (passport.PublicPassport, error)
}

func byID(s *passport.Service, id string) source {
	return source{
		func(ctx context.Context) (passport.Revision, error) { return s.Revision(ctx, id) },
		func(ctx context.Context) (passport.PublicPassport, error) { return s.Public(ctx, id) },
	}
}

func byBattery(s *passport.Service, scanned string) source {
	return source{
		func(ctx context.Context) (passport.Revision, error) { return s.RevisionByBattery(ctx, scanned) },
		func(ctx context.Context) (passport.PublicPassport, error) { return s.PublicByBattery(ctx, scanned) },
	}
}

// get returns the answer with the key of the present revision, from the cache if it is
// there. Otherwise render makes the body.
func (a *Answers) get(ctx context.Context, from source, keyOf func(passport.Revision) answerKey, render func(passport.PublicPassport) ([]byte, error)) (*answer, error) {
	revision, err := from.revision(ctx)
	if fault.Is(err, fault.NotFound) { // read knows more, for example that the passport was voided
		if _, cause := from.read(ctx); cause != nil {
			err = cause
		}
	}
	if err != nil {
		return nil, err
	}
	key := keyOf(revision)
	valid := func(*answer) bool { return true }
	return a.cache.Load(key, valid, func() (answerKey, *answer, error) {
		p, err := from.read(context.WithoutCancel(ctx))
		if err != nil {
			return key, nil, err
		}
		a.rendered.WithLabelValues("public", key.mediaType).Inc()
		body, err := render(p)
		key := key
		key.Revision = p.Revision
		return key, newAnswer(key, body), err
	})
}

// forCaller returns the part of a passport that the signed-in caller may read, as JSON,
// from the cache if it is there. It fails like passport.Service.Get.
func (a *Answers) forCaller(ctx context.Context, s *passport.Service, id string) (*answer, error) {
	revision, err := s.Revision(ctx, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	if known, ok := a.cache.Get(answerKey{Revision: revision}); ok {
		access, err := known.subject.Access(auth.Caller(ctx))
		if err != nil {
			return nil, err
		}
		if found, ok := a.cache.Get(callerKey(revision, access)); ok {
			return found, nil
		}
	}
	view, revision, err := s.Current(ctx, id)
	if err != nil {
		return nil, err
	}
	a.rendered.WithLabelValues("signed-in", resolver.JSON).Inc()
	rendered := passportAnswer(&view)
	if view.Head.State != passport.Draft {
		a.cache.Put(answerKey{Revision: revision}, &answer{subject: view.Subject()})
		a.cache.Put(callerKey(revision, view.Access), rendered)
	}
	return rendered, nil
}

func callerKey(r passport.Revision, access passport.Access) answerKey {
	return answerKey{Revision: r, access: access, mediaType: resolver.JSON}
}

// serve writes the answer, compressed if the client accepts it, or 304 if the client has
// it. The other headers of the response must be set.
func (a *answer) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.etag)
	if a.language != "" {
		h.Set("Content-Language", a.language)
	}
	if a.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
	}
	if rest.MatchesETag(r.Header.Get("If-None-Match"), a.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.plain
	if a.gzip != nil && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = a.gzip
	}
	h.Set("Content-Type", withCharset(a.mediaType))
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

func acceptsGzip(r *http.Request) bool {
	return resolver.Accepts(r.Header.Get("Accept-Encoding"), "gzip")
}

func withCharset(mediaType string) string {
	if strings.HasPrefix(mediaType, "text/") {
		return mediaType + "; charset=utf-8"
	}
	return mediaType
}
