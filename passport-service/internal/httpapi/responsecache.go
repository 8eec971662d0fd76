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

// ResponseCache caches responses about single passports: pages, JSON and linksets for everyone, and JSON for each access
// of signed-in readers. Each request reads the version of the passport from the store, so a change is visible at once. The
// cache contains neither pages for signed-in readers nor responses about drafts: after a draft is deleted, another one may
// have the same id and versions. Of both, it has only the QR code of an identifier, and that a passport was a draft. It is
// safe for concurrent use.
type ResponseCache struct {
	cache    *cache.Cache[responseKey, *response]
	rendered *prometheus.CounterVec
}

// NewResponseCache returns a cache with a size limit in bytes.
func NewResponseCache(limit int, metrics prometheus.Registerer) *ResponseCache {
	responses := cache.New(limit, responseSize)
	promauto.With(metrics).NewGaugeFunc(prometheus.GaugeOpts{
		Name: "passport_answers_bytes", Help: "Size of the cached pages, JSON and linksets of passports in bytes.",
	}, func() float64 { return float64(responses.Used()) })
	return &ResponseCache{responses, promauto.With(metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "passport_answers_rendered_total", Help: "Pages, JSON and linksets of passports that were rendered because the cache did not have them.",
	}, []string{"reader", "type"})}
}

// responseKey identifies a representation of a passport. A key with only a revision identifies
// the passport without its data, which decides on the access of each reader.
type responseKey struct {
	passport.Revision
	access    passport.Access // of signed-in readers; zero: everyone
	mediaType string
	language  string // of a page
	view      string // of a page, the path of a linkset, or the content of a QR code
	files     string // state of the list of public files, of a page
}

// response is a cached response body, plain and compressed. Only the entry for a revision has a
// subject. Responses for signed-in readers are not compressed, because the length would reveal
// a part of the body (BREACH).
type response struct {
	mediaType, language, etag string
	plain, gzip               []byte
	subject                   *passport.Subject
}

func responseSize(k responseKey, a *response) int {
	size := cap(a.plain) + cap(a.gzip) + len(k.view) + len(k.files) + 512
	if a.subject != nil {
		size += 1024
	}
	return size
}

// compressor writes into a buffer of its own.
type compressor struct {
	*gzip.Writer
	buffer bytes.Buffer
}

// compressors are reused: a new one takes longer than the compression. For a page, level 2
// takes half the time of level 5, for a tenth more bytes.
var compressors = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, 2) // fails for unknown levels only
	return &compressor{Writer: z}
}}

func compress(body []byte) []byte {
	z := compressors.Get().(*compressor)
	defer compressors.Put(z)
	z.buffer.Reset()
	z.Reset(&z.buffer)
	z.Write(body) // writes to memory do not fail
	z.Close()
	return bytes.Clone(z.buffer.Bytes())
}

// newResponse returns a response for everyone, which keeps the body.
func newResponse(key responseKey, body []byte) *response {
	return &response{mediaType: key.mediaType, language: key.language, etag: rest.BodyETag(body), plain: body, gzip: compress(body)}
}

// code returns the QR code of a battery for its page, nil for an identifier without one. It
// is the same in all languages and versions.
func (c *ResponseCache) code(identifier string) []byte {
	key := responseKey{mediaType: "image/svg+xml", view: identifier}
	found, _ := c.cache.Load(key, func() (responseKey, *response, error) {
		return key, &response{plain: drawCode(identifier)}, nil
	})
	return found.plain
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

// get returns the response with the key of the current revision, from the cache if possible.
// Otherwise render returns its body.
func (c *ResponseCache) get(ctx context.Context, from source, keyOf func(passport.Revision) responseKey, render func(passport.PublicPassport) ([]byte, error)) (*response, error) {
	revision, err := from.revision(ctx)
	if fault.Is(err, fault.NotFound) { // read returns a more precise error, for example that the passport was voided
		if _, cause := from.read(ctx); cause != nil {
			err = cause
		}
	}
	if err != nil {
		return nil, err
	}
	key := keyOf(revision)
	return c.cache.Load(key, func() (responseKey, *response, error) {
		p, err := from.read(context.WithoutCancel(ctx))
		if err != nil {
			return key, nil, err
		}
		c.rendered.WithLabelValues("public", key.mediaType).Inc()
		body, err := render(p)
		key := key
		key.Revision = p.Revision
		return key, newResponse(key, body), err
	})
}

// forCaller returns the part of a passport that the signed-in caller may read, as JSON,
// from the cache if it is there. It fails like passport.Service.Get.
func (c *ResponseCache) forCaller(ctx context.Context, s *passport.Service, id string) (*response, error) {
	draft := responseKey{Revision: passport.Revision{PassportID: id}}
	_, wasDraft := c.cache.Get(draft)
	if !wasDraft {
		if found, err := c.cachedForCaller(ctx, s, id); found != nil || err != nil {
			return found, err
		}
	}
	view, revision, err := s.Current(ctx, id)
	if err != nil {
		return nil, err
	}
	c.rendered.WithLabelValues("signed-in", resolver.JSON).Inc()
	rendered := passportResponse(&view)
	switch {
	case view.Head.State == passport.Draft:
		c.cache.Put(draft, &response{}) // the next reader needs no revision
		return rendered, nil
	case wasDraft:
		c.cache.Delete(draft)
	}
	c.cache.Put(responseKey{Revision: revision}, &response{subject: view.Subject()})
	c.cache.Put(callerKey(revision, view.Access), rendered)
	return rendered, nil
}

// cachedForCaller returns nil if the cache does not have the response to the caller.
func (c *ResponseCache) cachedForCaller(ctx context.Context, s *passport.Service, id string) (*response, error) {
	revision, err := s.Revision(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	known, ok := c.cache.Get(responseKey{Revision: revision})
	if !ok {
		return nil, nil
	}
	access, err := known.subject.Access(auth.Caller(ctx))
	if err != nil {
		return nil, err
	}
	found, _ := c.cache.Get(callerKey(revision, access))
	return found, nil
}

func callerKey(r passport.Revision, access passport.Access) responseKey {
	return responseKey{Revision: r, access: access, mediaType: resolver.JSON}
}

// serve writes the response, compressed if the client accepts it, or 304 if the client has it.
// The other headers must already be set.
func (a *response) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("ETag", a.etag)
	if a.language != "" {
		h.Set("Content-Language", a.language)
	}
	if a.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
	}
	if rest.MatchesETag(listHeader(r, "If-None-Match"), a.etag) {
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
	return resolver.Accepts(listHeader(r, "Accept-Encoding"), "gzip")
}

func withCharset(mediaType string) string {
	if strings.HasPrefix(mediaType, "text/") {
		return mediaType + "; charset=utf-8"
	}
	return mediaType
}
