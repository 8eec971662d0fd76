package httpapi

import (
	"net/http"

	"github.com/battery-passport/suite/notification-service/internal/notification"
	"github.com/battery-passport/suite/pkg/page"
	"github.com/battery-passport/suite/pkg/rest"
)

// RegisterPages adds the page that the links to unsubscribe lead to. Opening it changes nothing:
// programs that check mails open links too. A POST unsubscribes at once, as RFC 8058 requires; the
// mail programs that send it have no account.
func (a *API) RegisterPages(r *rest.API) {
	rest.Page(r, "GET "+notification.UnsubscribePath, page.Policy(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Notifications.CheckUnsubscribe(r.Context(), r.URL.Query().Get("token")); err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		page.Page{
			Title: "Turn off mails?", Text: "You will no longer get mails about events of passports, documents and accounts. The events stay in your list of notifications.",
			Form: &page.Form{Hidden: map[string]string{"List-Unsubscribe": "One-Click"}, Button: "Turn off mails"},
		}.Write(w, r, http.StatusOK)
	}))
	rest.Page(r, "POST "+notification.UnsubscribePath, page.Policy(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Notifications.Unsubscribe(withOrigin(r.Context()), r.URL.Query().Get("token")); err != nil {
			rest.WriteProblem(w, r, err)
			return
		}
		page.Page{
			Title: "Mails are off", Text: "You can turn them on again in the notification settings of your application, or ask your administrator how.",
		}.Write(w, r, http.StatusOK)
	}))
}
