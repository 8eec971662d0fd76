package e2e

// example is a request in the order of execution. Its response is the example of the response.
type example struct {
	operation     string // id of the operation
	name, summary string // of the example; an empty name: only the response is an example
	caller        string // admin, or the part of the email address before the @; empty: without a login
	target        string // values of parameters of the path, names of kept ids or values
	query         string
	body          string // JSON, or the name of a sample; the words in braces are kept values
	unavailable   bool   // the body is an example although it needs a mail or a setting that the suite does not have
	status        int    // 0: the status of success; otherwise only the problem is an example
	keep          string // name under which the id of the response is kept
}

const (
	identifier = "https://nlb.example/batteries/NB-2026-0001"
	minimal    = `{"data":{"generalInformation":{"batteryIdentifier":"` + identifier + `","batteryCategory":"EV"}}}`
	general    = `{"batteryIdentifier":"` + identifier + `","batteryCategory":"EV","batteryMass":450,"warrantyPeriod":"P96M"}`
)

var examples = []example{
	{operation: "registerAccount", name: "user", summary: "An account without an organisation", body: `{"email":"ann@nordlicht.example","password":"correct horse battery"}`, keep: "ann"},
	{operation: "logIn", name: "operator", summary: "An operator of make seed", body: `{"email":"ada@nordlicht.example","password":"correct horse battery"}`},
	{operation: "logInAtProvider", status: 404},
	{operation: "finishLogInAtProvider", query: "code=SplxlOBeZQQYbYS6WxSbIA&state=af0ifjsldkj", status: 404},
	{operation: "refreshTokens", name: "token", summary: "With the refreshToken of your login", body: `{"refreshToken":"{refreshToken}"}`},
	{operation: "issueToken", name: "refresh", summary: "With the refreshToken of your login", body: `{"grant_type":"refresh_token","refresh_token":"{refreshToken}"}`},
	{operation: "logOut", name: "token", summary: "With the refreshToken of your login", body: `{"refreshToken":"{refreshToken}"}`},
	{operation: "getProfile", caller: "ada"},
	{operation: "listSessions", caller: "ada"},
	{operation: "checkAdmin", caller: "admin"},
	{operation: "createOrganisation", name: "minimal", summary: "Only the required members", caller: "admin", body: `{"id":"recycling-nord","name":"Recycling Nord GmbH"}`},
	{operation: "createOrganisation", name: "complete", summary: "With identifiers and address", caller: "admin", body: `{"id":"akku-sued","name":"Akku Süd GmbH","webAddress":"https://akku-sued.example","identifiers":{"eori":"DE123456789012345","vat":"DE123456789"},"address":{"streetAddress":"Hafenstr. 1","postalCode":"80331","city":"München","country":"DE"}}`},
	{operation: "listOrganisations", caller: "admin", query: "limit=1"},
	{operation: "getOrganisation", caller: "admin", target: "akku-sued"},
	{operation: "updateOrganisation", name: "change", summary: "An empty text removes a member", caller: "admin", target: "akku-sued", body: `{"name":"Akku Süd SE","webAddress":""}`},
	{operation: "deleteOrganisation", caller: "admin", target: "akku-sued"},
	{operation: "createInvitation", name: "operator", summary: "Invite an operator of an organisation", caller: "admin", body: `{"email":"ole@nordlicht.example","role":"operator","organisation":"nordlicht-battery"}`, keep: "invitation"},
	{operation: "listInvitations", caller: "admin", query: "limit=1"},
	{operation: "acceptInvitation", name: "account", summary: "A new account, with the token in the link of the mail", body: `{"token":"{invitationToken}","password":"correct horse battery"}`},
	{operation: "createInvitation", name: "manager", summary: "Invite a manager of an organisation", caller: "admin", body: `{"email":"mia@nordlicht.example","role":"user","manager":true,"organisation":"nordlicht-battery"}`, keep: "invitation"},
	{operation: "resendInvitation", caller: "admin", target: "invitation"},
	{operation: "revokeInvitation", caller: "admin", target: "invitation"},
	{operation: "createClient", name: "operator", summary: "A client that creates passports", caller: "admin", body: `{"name":"ERP","role":"operator","organisation":"nordlicht-battery"}`, keep: "client"},
	{operation: "issueToken", name: "client", summary: "With the clientId and the clientSecret of your client", body: `{"grant_type":"client_credentials","client_id":"{client}","client_secret":"{clientSecret}"}`},
	{operation: "listClients", caller: "admin", query: "limit=1"},
	{operation: "getClient", caller: "admin", target: "client"},
	{operation: "addClientSecret", caller: "admin", target: "client", keep: "secret"},
	{operation: "deleteClientSecret", caller: "admin", target: "client,secret"},
	{operation: "updateClient", name: "disable", summary: "Disable a client", caller: "admin", target: "client", body: `{"disabled":true}`},
	{operation: "deleteClient", caller: "admin", target: "client"},
	{operation: "getAuthorizationServerMetadata"},
	{operation: "getOpenIDConfiguration"},
	{operation: "updateAccount", name: "operator", summary: "Make an account an operator of an organisation", caller: "admin", target: "ann", body: `{"role":"operator","organisation":"nordlicht-battery"}`},
	{operation: "updateAccount", name: "disable", summary: "Disable an account", caller: "admin", target: "ann", body: `{"disabled":true}`},
	{operation: "getAccount", caller: "admin", target: "ann"},
	{operation: "listAccounts", caller: "admin", query: "limit=1"},
	{operation: "listAuditEntries", caller: "admin", query: "limit=1"},
	{operation: "exportProfile", caller: "ute"},
	{operation: "enrolTOTP", name: "password", summary: "With the password of your account", caller: "tom", body: `{"password":"correct horse battery"}`},
	{operation: "confirmTOTP", name: "code", summary: "With the current code of the authenticator app", caller: "tom", body: `{"code":"{totpCode}"}`},
	{operation: "logIn", body: `{"email":"tom@nordlicht.example","password":"correct horse battery"}`},
	{operation: "completeLogin", name: "code", summary: "With the challenge of the login and the current code of the authenticator app", body: `{"challenge":"{challenge}","code":"{totpCode}"}`, keep: "tom"},
	{operation: "enrolForLogin", name: "challenge", unavailable: true, summary: "With the challenge of the login", body: `{"challenge":"{challenge}"}`, status: 401},
	{operation: "getTOTP", caller: "tom"},
	{operation: "replaceRecoveryCodes", name: "password", summary: "With the password of your account", caller: "tom", body: `{"password":"correct horse battery"}`},
	{operation: "disableTOTP", name: "password", summary: "With the password of your account", caller: "tom", body: `{"password":"correct horse battery"}`},
	{operation: "resetTOTP", caller: "admin", target: "tom", status: 409},
	{operation: "eraseAccount", caller: "admin", target: "ann"},
	{operation: "eraseProfile", name: "password", summary: "With the password of your account", caller: "eve", body: `{"password":"correct horse battery"}`},
	{operation: "listRevocations"},
	{operation: "changePassword", name: "change", summary: "Ends all sessions of the account", caller: "ute", body: `{"currentPassword":"correct horse battery","newPassword":"staple battery horse"}`},
	{operation: "requestPasswordReset", name: "address", summary: "Send a mail with a link", body: `{"email":"ute@nordlicht.example"}`},
	{operation: "confirmPasswordReset", name: "token", summary: "With the token in the link of the mail", body: `{"token":"{resetToken}","password":"correct horse battery"}`},
	{operation: "confirmEmail", name: "token", unavailable: true, summary: "With the token in the link of the mail", body: `{"token":"AaIsiFFodVGC9VuylAOpusOOYcP1OBTOMBYRWmSIFOg4uM8aFCauVuIx4k4CMfLF","password":"correct horse battery"}`, status: 422},
	{operation: "getKeySet"}, {operation: "getAuthHealth"}, {operation: "getAuthLiveness"}, {operation: "getAuthReadiness"},

	{operation: "createPassport", name: "minimal", summary: "Enough for a draft", caller: "ada", body: minimal, keep: "draft"},
	{operation: "createPassport", name: "complete", summary: "Everything that publishing requires", caller: "ada", body: "ev-nmc-complete.json", keep: "complete"},
	{operation: "createPassport", name: "invalid", summary: "Refused: the problem names each error", caller: "ada", body: `{"data":{"generalInformation":{"batteryMass":-1,"batteryColour":"red"}}}`, status: 422},
	{operation: "listPassports", caller: "ada", query: "limit=1&batteryIdentifier=" + identifier},
	{operation: "getPassport", caller: "ada", target: "draft"},
	{operation: "replacePassport", name: "replace", summary: "All data of the passport", caller: "ada", target: "draft", body: `{"data":{"generalInformation":` + general + `}}`},
	{operation: "patchPassport", name: "change", summary: "Change a member, and remove another one with null", caller: "ada", target: "draft", body: `{"data":{"generalInformation":{"batteryMass":451.5,"warrantyPeriod":null}}}`},
	{operation: "patchPassport", name: "reason", summary: "A reason alone changes nothing", caller: "ada", target: "draft", body: `{"reason":"weighed again, same result"}`},
	{operation: "getCompliance", caller: "ada", target: "draft"},
	{operation: "publishPassport", name: "incomplete", summary: "The passport has compliance errors", caller: "ada", target: "draft", status: 422},
	{operation: "publishPassport", caller: "ada", target: "complete"},
	{operation: "patchPassport", name: "published", summary: "A published passport: with a reason", caller: "ada", target: "complete", body: `{"reason":"weighed with the final housing","data":{"generalInformation":{"batteryMass":494}}}`},
	{operation: "validatePassport", name: "minimal", summary: "Data that is not stored", caller: "ada", body: minimal},
	{operation: "listVersions", caller: "ada", target: "draft", query: "limit=1"},
	{operation: "getVersion", caller: "ada", target: "draft,1"},
	{operation: "compareVersions", caller: "ada", target: "draft", query: "from=1&to=2"},
	{operation: "verifyHistory", caller: "ada", target: "draft"},
	{operation: "listRuleSets", caller: "ada"},
	{operation: "getRuleSet", caller: "ada", target: "bp-2027-02"},
	{operation: "importPassports", name: "passports", summary: "An array of passports", caller: "ada", body: `[{"data":{"generalInformation":{"batteryIdentifier":"https://nlb.example/batteries/NB-2026-0002","batteryCategory":"LMT"}}}]`},
	{operation: "getImportTemplate", caller: "ada", query: "category=EV&format=csv"},
	{operation: "exportPassports", caller: "ada", query: "batteryIdentifier=" + identifier},
	{operation: "exportPassport", caller: "ada", target: "draft"},
	{operation: "printLabels", name: "model", summary: "Labels of all batteries of a category", caller: "ada", body: `{"filter":{"batteryCategory":"LMT","state":"active"},"layout":"a4-12"}`},
	{operation: "findPublicPassport", query: "identifier=https://nlb.example/01/09521100000116/21/NB7K2Q9X"},
	{operation: "getPublicPassport", target: "complete"},
	{operation: "exportPublicPassport", target: "complete"},
	{operation: "archivePassport", name: "withdrawal", summary: "Withdraw a published passport", caller: "ada", target: "complete", body: `{"reason":"destroyed before it was placed on the market"}`},
	{operation: "voidPassport", name: "falsePassport", summary: "End a false passport", caller: "admin", target: "published", body: `{"reason":"the maker has not made this battery"}`},
	{operation: "deletePassport", caller: "ada", target: "draft"},
	{operation: "createNamespace", name: "host", summary: "A host name", caller: "ada", body: `{"kind":"host","value":"id.nordlicht.example"}`, keep: "host"},
	{operation: "createNamespace", name: "prefix", summary: "A GS1 company prefix", caller: "ada", body: `{"kind":"gs1CompanyPrefix","value":"952110"}`, keep: "prefix"},
	{operation: "listNamespaces", caller: "ada", query: "limit=1"},
	{operation: "getNamespace", caller: "ada", target: "host"},
	{operation: "confirmNamespace", caller: "admin", target: "host"},
	{operation: "refuseNamespace", name: "refusal", summary: "The organisation reads the reason", caller: "admin", target: "prefix", body: `{"reason":"the prefix belongs to another company"}`},
	{operation: "withdrawNamespace", name: "withdrawal", summary: "Give up a namespace", caller: "ada", target: "host", body: `{"reason":"sold"}`},
	{operation: "getPassportHealth"}, {operation: "getPassportLiveness"}, {operation: "getPassportReadiness"},

	{operation: "uploadDocument", name: "minimal", summary: "Only a file", caller: "ada", body: `{"file":"torque.txt"}`},
	{operation: "uploadDocument", name: "complete", summary: "A public document", caller: "ada", body: `{"file":"manual.txt","description":"Removal of the battery","kind":"dismantling-manual","accessClass":"public"}`, keep: "document"},
	{operation: "listDocuments", caller: "ada", query: "limit=1"},
	{operation: "listOwnDocuments", caller: "ada", query: "limit=1"},
	{operation: "getDocument", caller: "ada", target: "document"},
	{operation: "updateDocument", name: "change", summary: "Another name and fewer readers", caller: "ada", target: "document", body: `{"fileName":"removal.txt","accessClass":"owner"}`},
	{operation: "getDownloadLink", caller: "ada", target: "document"},
	{operation: "listPublicDocuments", query: "limit=1&passportId={seeded}"},
	{operation: "getPublicDocument", target: "publicDocument"},
	{operation: "deleteDocument", caller: "ada", target: "document"},
	{operation: "getDocumentHealth"}, {operation: "getDocumentLiveness"}, {operation: "getDocumentReadiness"},

	{operation: "createNotification", name: "mail", summary: "A mail to one address", caller: "admin", body: `{"type":"email","eventType":"general.info","title":"Maintenance","message":"On Sunday from 08:00 to 09:00 UTC.","recipientEmail":"ann@nordlicht.example"}`},
	{operation: "listNotifications", caller: "ada", query: "limit=1"},
	{operation: "countNotifications", caller: "ada"},
	{operation: "getNotification", caller: "ada", target: "notification"},
	{operation: "markNotificationRead", caller: "ada", target: "notification"},
	{operation: "markAllNotificationsRead", caller: "ada"},
	{operation: "deleteNotification", caller: "ada", target: "notification"},
	{operation: "listNotificationAudit", caller: "admin", query: "limit=1"},
	{operation: "changeSettings", name: "mails", summary: "No mails about passports", caller: "ada", body: `{"mail":{"passport":false,"document":false,"account":true}}`},
	{operation: "getSettings", caller: "ada"},
	{operation: "getNotificationHealth"}, {operation: "getNotificationLiveness"}, {operation: "getNotificationReadiness"},
	{operation: "rotateSigningKey", caller: "admin"},
}

// withoutExample is the operation that returns a JSON Schema: tools would follow the references in an example
// of it as references of the OpenAPI document.
const withoutExample = "getSchema"
