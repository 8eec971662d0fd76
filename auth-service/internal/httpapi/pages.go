package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/page"
	"github.com/battery-passport/suite/pkg/rest"
)

// maxForm is the largest body of a form: a password of 1024 characters, percent-encoded.
const maxForm = 32 << 10

// values returns the value of a field of the form that was sent.
type values func(field string) string

// formPage is a page with a form for the token in the link that leads to it. Opening the page
// changes nothing, because programs that check mails open links, too. send returns the page to
// show when the form was accepted; if it fails with fault.Invalid, the form is shown again with
// the error.
type formPage struct {
	show func(ctx context.Context, token string) (page.Page, error)
	send func(ctx context.Context, form values) (page.Page, error)

	renew string // path of the page that asks for a new link; may be empty
}

// form registers a page with a form.
func (a *API) form(r *rest.API, path string, f formPage) {
	p := page.Policy()
	rest.Page(r, "GET "+path, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, err := f.show(r.Context(), r.URL.Query().Get("token"))
		if err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		shown.Write(w, r, http.StatusOK)
	}))
	p.RateLimit.PerMinute = a.RateLimit
	rest.Page(r, "POST "+path, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			rest.WriteProblem(w, r, fault.New(fault.Malformed, "the form cannot be read").Because(err))
			return
		}
		done, err := f.send(withOrigin(r.Context()), r.PostForm.Get)
		switch {
		case err == nil:
			done.Write(w, r, http.StatusOK)
		case fault.Is(err, fault.Invalid):
			shown, failed := f.retry(r.Context(), r.PostForm.Get("token"), err)
			if failed != nil {
				rest.WriteProblem(w, r, failed)
				return
			}
			shown.Write(w, r, http.StatusUnprocessableEntity)
		default:
			rest.WriteProblem(w, r, err)
		}
	}))
}

// retry returns the page after an error in the form.
func (f formPage) retry(ctx context.Context, token string, problem error) (page.Page, error) {
	p, err := f.show(ctx, token)
	if err != nil {
		return p, err
	}
	if isLinkProblem(problem) {
		p = page.Page{Title: "This link does not work"}
		if f.renew != "" {
			p.Link = &page.Link{Text: "Ask for a new link", Path: f.renew}
		}
	}
	p.Problem = problemOf(problem)
	return p, nil
}

// isLinkProblem reports whether the link that led to a form is not valid.
func isLinkProblem(err error) bool {
	f, ok := errors.AsType[*fault.Error](err)
	return ok && len(f.Details) > 0 && f.Details[0].Path == "/token"
}

// problemOf returns the error in a form.
func problemOf(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return "the form is not valid"
	case len(f.Details) == 0 || isLinkProblem(err):
		return f.Message
	}
	return "the " + strings.TrimPrefix(f.Details[0].Path, "/") + " " + f.Details[0].Message
}
