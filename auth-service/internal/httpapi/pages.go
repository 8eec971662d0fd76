package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/battery-passport/suite/auth-service/internal/page"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// maxForm is the largest body of a form: a password of 1024 characters, percent-encoded.
const maxForm = 32 << 10

// values returns the value of a field of the form that was sent.
type values func(field string) string

// formPage is a page with a form, for the token in the link that leads to it. Opening the page changes
// nothing: programs that check mails open links too. Send returns the page after the form
// was accepted; if it fails with fault.Invalid, the form is shown again, with the error.
type formPage struct {
	show func(ctx context.Context, token string) (page.Page, error)
	send func(ctx context.Context, form values) (page.Page, error)

	renew string // path of the page that asks for a new link; may be empty
}

// form registers a page with a form.
func (a *API) form(r *rest.API, path string, f formPage) {
	p := rest.Open
	p.CSP, p.CORS, p.Query, p.ErrorPage = page.CSP, rest.LinkedPages, rest.LenientQuery, errorPage
	rest.Page(r, "GET "+path, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown, err := f.show(r.Context(), r.URL.Query().Get("token"))
		if err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		write(w, r, http.StatusOK, shown)
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
			write(w, r, http.StatusOK, done)
		case fault.Is(err, fault.Invalid):
			shown, failed := f.retry(r.Context(), r.PostForm.Get("token"), err)
			if failed != nil {
				rest.WriteProblem(w, r, failed)
				return
			}
			write(w, r, http.StatusUnprocessableEntity, shown)
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

// problemOf returns the error in a form, as a sentence.
func problemOf(err error) string {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return "The form is not valid."
	}
	if len(f.Details) == 0 || isLinkProblem(err) {
		return sentence(f.Message)
	}
	return sentence("the " + strings.TrimPrefix(f.Details[0].Path, "/") + " " + f.Details[0].Message)
}

func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:] + "."
}

// errorPage is the ErrorPage of the pages.
func errorPage(w http.ResponseWriter, r *http.Request, status int, err error) bool {
	p := page.Page{Title: "This did not work", Text: "The service has a problem at the moment. Try again in a minute."}
	if f, ok := errors.AsType[*fault.Error](err); ok && status < http.StatusInternalServerError {
		p.Text = sentence(f.Message)
	}
	write(w, r, status, p)
	return true
}

func write(w http.ResponseWriter, r *http.Request, status int, p page.Page) {
	html, err := p.HTML()
	if err != nil {
		rest.LogError(r.Context(), err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Referrer-Policy", "strict-origin") // hides the token; with no-referrer a browser would send the form with Origin: null
	w.WriteHeader(status)
	w.Write(html)
}
