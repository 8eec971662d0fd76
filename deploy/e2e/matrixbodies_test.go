package e2e

// bodies are the request bodies. They are valid, so the status depends on the caller
// only. The bodies for password, logout and refresh contain wrong credentials, so the
// sessions of the test stay valid.
var bodies = map[string]string{
	"POST /api/auth/register":                    `{"email":"{new}@matrix.example","password":"{password}"}`,
	"POST /api/auth/login":                       `{"email":"{email}","password":"{password}"}`,
	"POST /api/auth/refresh":                     `{"refreshToken":"none"}`,
	"POST /api/auth/logout":                      `{"refreshToken":"none"}`,
	"PUT /api/auth/password":                     `{"currentPassword":"another {password}","newPassword":"a new {password}"}`,
	"POST /api/auth/login/totp":                  `{"challenge":"none","code":"000000"}`,
	"POST /api/auth/login/totp/enrolment":        `{"challenge":"none"}`,
	"POST /api/auth/totp":                        `{"password":"another {password}"}`,
	"POST /api/auth/totp/confirmation":           `{"code":"000000"}`,
	"POST /api/auth/totp/deletion":               `{"password":"another {password}"}`,
	"POST /api/auth/totp/recovery-codes":         `{"password":"another {password}"}`,
	"POST /api/auth/email-confirmations/confirm": `{"token":"none","password":"{password}"}`,
	"POST /api/auth/password-resets":             `{"email":"{email}"}`,
	"POST /api/auth/password-resets/confirm":     `{"token":"none","password":"a new {password}"}`,
	"POST /api/auth/invitations":                 `{"email":"{new}@matrix.example","role":"user","organisation":"{organisation}"}`,
	"POST /api/auth/invitations/accept":          `{"token":"none","password":"a new {password}"}`,
	"POST /api/auth/profile/deletion":            `{"password":"another {password}"}`,
	"POST /api/auth/organisations":               `{"id":"{slug}","name":"Matrix"}`,
	"PATCH /api/auth/organisations/{id}":         `{}`,
	"PATCH /api/auth/users/{id}":                 `{}`,
	"POST /api/passports":                        `{"data":{}}`,
	"POST /api/passports/validate":               `{"data":{}}`,
	"POST /api/passports/import":                 `[]`,
	"POST /api/passports/labels":                 `{"ids":["none"]}`,
	"PUT /api/passports/{id}":                    `{"reason":"x","data":{}}`,
	"PATCH /api/passports/{id}":                  `{"reason":"x","data":{}}`,
	"POST /api/passports/{id}/archive":           `{"reason":"x"}`,
	"POST /api/passports/{id}/void":              `{"reason":"x"}`,
	"POST /api/namespaces":                       `{"kind":"host","value":"{new}.example","organisation":"{organisation}"}`,
	"POST /api/namespaces/{id}/refuse":           `{"reason":"x"}`,
	"POST /api/namespaces/{id}/withdraw":         `{"reason":"x"}`,
	"PUT /api/documents/{docId}":                 `{"description":"x"}`,
	"POST /api/notifications":                    `{"type":"info","eventType":"general.info"}`,
	"PUT /api/notifications/settings":            `{"mail":{"passport":true,"document":false,"account":true}}`,
	"POST /api/auth/token":                       `{}`, // not a form: the credentials of the callers do not matter
	"POST /api/auth/clients":                     `{"name":"Matrix","role":"user","organisation":"{organisation}"}`,
	"PATCH /api/auth/clients/{id}":               `{}`,
}
