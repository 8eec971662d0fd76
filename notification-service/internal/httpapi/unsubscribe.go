package httpapi

import (
	"errors"
	"net/http"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/notification-service/internal/page"
	"github.com/battery-passport/suite/pkg/fault"
	"github.com/battery-passport/suite/pkg/rest"
)

// RegisterPages adds the page that the links to unsubscribe lead to. Opening it changes nothing:
// programs that check mails open links too. A POST unsubscribes at once, as RFC 8058 requires; the
// mail programs that send it have no account.
func (a *API) RegisterPages(r *rest.API) {
	p := rest.Open
	p.CSP, p.CORS, p.Query, p.ErrorPage = page.CSP, rest.LinkedPages, rest.LenientQuery, errorPage
	rest.Page(r, "GET "+notification.UnsubscribePath, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Notifications.CheckUnsubscribe(r.Context(), r.URL.Query().Get("token")); err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		write(w, r, http.StatusOK, page.Page{
			Title: "Turn off mails?", Button: "Turn off mails",
			Text: "You will get no mails about events of passports, documents and accounts any more. They stay in your list of notifications.",
		})
	}))
	rest.Page(r, "POST "+notification.UnsubscribePath, p, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Notifications.Unsubscribe(withOrigin(r.Context()), r.URL.Query().Get("token")); err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		write(w, r, http.StatusOK, page.Page{
			Title: "Mails are off", Text: "You can turn them on again in the notification settings of your application, or ask your administrator how.",
		})
	}))
}

// errorPage is the ErrorPage of the pages.
func errorPage(w http.ResponseWriter, r *http.Request, status int, err error) bool {
	p := page.Page{Title: "This did not work", Text: "The service has a problem at the moment. Try again in a minute."}
	if f, ok := errors.AsType[*fault.Error](err); ok && status < http.StatusInternalServerError {
		p.Text = f.Message
	}
	if fault.Is(err, fault.NotFound) {
		p = page.Page{Title: "This link does not work", Text: "It is incomplete, or the account does not exist any more."}
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
	_, _ = w.Write(html) // the client has disconnected
}
