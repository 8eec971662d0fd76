package e2e

// matrix has the expected status of every route for every caller: the route, the resource
// (see kind), and the statuses in the order of callers. A new route needs lines here and,
// if it has a body, an entry in bodies.
const matrix = `
GET /.well-known/oauth-authorization-server -          200 200 200 200 200 200 200
GET /.well-known/openid-configuration       -          200 200 200 200 200 200 200
POST /api/auth/token                        -          400 400 400 400 400 400 400
GET /api/auth/clients                       -          401 401 403 403 403 403 200
POST /api/auth/clients                      -          401 401 403 403 403 403 201
GET /api/auth/clients/{id}                  own        401 401 403 403 403 403 200
GET /api/auth/clients/{id}                  foreign    401 401 403 403 403 403 200
GET /api/auth/clients/{id}                  absent     401 401 403 403 403 403 404
PATCH /api/auth/clients/{id}                own        401 401 403 403 403 403 200
PATCH /api/auth/clients/{id}                foreign    401 401 403 403 403 403 200
PATCH /api/auth/clients/{id}                absent     401 401 403 403 403 403 404
DELETE /api/auth/clients/{id}               own        401 401 403 403 403 403 204
DELETE /api/auth/clients/{id}               foreign    401 401 403 403 403 403 204
DELETE /api/auth/clients/{id}               absent     401 401 403 403 403 403 404
POST /api/auth/clients/{id}/secrets         own        401 401 403 403 403 403 201
POST /api/auth/clients/{id}/secrets         foreign    401 401 403 403 403 403 201
POST /api/auth/clients/{id}/secrets         absent     401 401 403 403 403 403 404
DELETE /api/auth/clients/{id}/secrets/{secretId} own        401 401 403 403 403 403 404
DELETE /api/auth/clients/{id}/secrets/{secretId} foreign    401 401 403 403 403 403 404
DELETE /api/auth/clients/{id}/secrets/{secretId} absent     401 401 403 403 403 403 404
GET /.well-known/jwks.json                  -          200 200 200 200 200 200 200
GET /api/auth/admin                         -          401 401 403 403 403 403 200
GET /api/auth/audit                         -          401 401 403 403 403 403 200
GET /api/auth/invitations                   -          401 401 403 403 403 403 200
POST /api/auth/invitations                  -          401 401 403 403 403 403 201
POST /api/auth/invitations/accept           -          422 422 422 422 422 422 422
POST /api/auth/invitations/{id}/resend      own        401 401 403 403 403 403 200
POST /api/auth/invitations/{id}/resend      foreign    401 401 403 403 403 403 200
POST /api/auth/invitations/{id}/resend      absent     401 401 403 403 403 403 404
DELETE /api/auth/invitations/{id}           own        401 401 403 403 403 403 204
DELETE /api/auth/invitations/{id}           foreign    401 401 403 403 403 403 204
DELETE /api/auth/invitations/{id}           absent     401 401 403 403 403 403 404
POST /api/auth/keys                         -          401 401 403 403 403 403 201
POST /api/auth/login                        -          200 200 200 200 200 200 200
POST /api/auth/logout                       -          401 401 401 401 401 401 401
GET /api/auth/oidc/login                    -          404 404 404 404 404 404 404
GET /api/auth/oidc/callback                 -          404 404 404 404 404 404 404
GET /api/auth/organisations                 -          401 401 403 403 403 403 200
POST /api/auth/organisations                -          401 401 403 403 403 403 201
GET /api/auth/organisations/{id}            own        401 401 200 200 200 200 200
GET /api/auth/organisations/{id}            foreign    401 401 404 404 404 404 200
GET /api/auth/organisations/{id}            absent     401 401 404 404 404 404 404
PATCH /api/auth/organisations/{id}          own        401 401 403 403 403 403 200
PATCH /api/auth/organisations/{id}          foreign    401 401 403 403 403 403 200
PATCH /api/auth/organisations/{id}          absent     401 401 403 403 403 403 404
DELETE /api/auth/organisations/{id}         own        401 401 403 403 403 403 409
DELETE /api/auth/organisations/{id}         foreign    401 401 403 403 403 403 204
DELETE /api/auth/organisations/{id}         absent     401 401 403 403 403 403 404
PUT /api/auth/password                      -          401 401 422 422 422 422 422
POST /api/auth/login/totp                   -          401 401 401 401 401 401 401
POST /api/auth/login/totp/enrolment         -          401 401 401 401 401 401 401
GET /api/auth/totp                          -          401 401 200 200 200 200 200
POST /api/auth/totp                         -          401 401 422 422 422 422 422
POST /api/auth/totp/confirmation            -          401 401 409 409 409 409 409
POST /api/auth/totp/deletion                -          401 401 422 422 422 422 422
POST /api/auth/totp/recovery-codes          -          401 401 422 422 422 422 422
DELETE /api/auth/users/{id}/totp            own        401 401 403 403 403 403 409
DELETE /api/auth/users/{id}/totp            foreign    401 401 403 403 403 403 409
DELETE /api/auth/users/{id}/totp            absent     401 401 403 403 403 403 404
POST /api/auth/email-confirmations/confirm  -          422 422 422 422 422 422 422
POST /api/auth/password-resets              -          202 202 202 202 202 202 202
POST /api/auth/password-resets/confirm      -          422 422 422 422 422 422 422
GET /api/auth/profile                       -          401 401 200 200 200 200 200
POST /api/auth/refresh                      -          401 401 401 401 401 401 401
POST /api/auth/register                     -          201 201 201 201 201 201 201
GET /api/auth/revocations                   -          200 200 200 200 200 200 200
GET /api/auth/sessions                      -          401 401 200 200 200 200 200
DELETE /api/auth/sessions/{id}              own        401 401 204 204 204 204 204
DELETE /api/auth/sessions/{id}              foreign    401 401 404 404 404 404 404
DELETE /api/auth/sessions/{id}              absent     401 401 404 404 404 404 404
GET /api/auth/users                         -          401 401 403 403 403 403 200
GET /api/auth/users/{id}                    own        401 401 403 403 403 403 200
GET /api/auth/users/{id}                    foreign    401 401 403 403 403 403 200
GET /api/auth/users/{id}                    absent     401 401 403 403 403 403 404
DELETE /api/auth/users/{id}                 own        401 401 403 403 403 403 409
DELETE /api/auth/users/{id}                 foreign    401 401 403 403 403 403 204
DELETE /api/auth/users/{id}                 absent     401 401 403 403 403 403 404
GET /api/auth/profile/export                -          401 401 200 200 200 200 200
POST /api/auth/profile/deletion             -          401 401 422 422 422 422 422
PATCH /api/auth/users/{id}                  own        401 401 403 403 403 403 200
PATCH /api/auth/users/{id}                  foreign    401 401 403 403 403 403 200
PATCH /api/auth/users/{id}                  absent     401 401 403 403 403 403 404
GET /api/documents                          -          401 401 200 200 200 200 200
POST /api/documents/upload                  -          401 401 201 201 201 201 201
GET /api/documents/user                     -          401 401 200 200 200 200 200
GET /api/documents/{docId}                  own        401 401 200 200 200 200 200
GET /api/documents/{docId}                  foreign    401 401 404 404 404 404 200
GET /api/documents/{docId}                  published  401 401 200 200 200 200 200
GET /api/documents/{docId}                  absent     401 401 404 404 404 404 404
GET /api/documents/{docId}                  official   401 401 404 404 404 200 200
PUT /api/documents/{docId}                  own        401 401 200 200 200 200 200
PUT /api/documents/{docId}                  foreign    401 401 404 404 404 404 200
PUT /api/documents/{docId}                  published  401 401 403 403 403 403 200
PUT /api/documents/{docId}                  absent     401 401 404 404 404 404 404
PUT /api/documents/{docId}                  official   401 401 404 404 404 403 200
DELETE /api/documents/{docId}               own        401 401 204 204 204 204 204
DELETE /api/documents/{docId}               foreign    401 401 404 404 404 404 204
DELETE /api/documents/{docId}               published  401 401 403 403 403 403 204
DELETE /api/documents/{docId}               absent     401 401 404 404 404 404 404
DELETE /api/documents/{docId}               official   401 401 404 404 404 403 204
GET /api/documents/{docId}/content          own        401 401 200 200 200 200 200
GET /api/documents/{docId}/content          foreign    401 401 404 404 404 404 200
GET /api/documents/{docId}/content          published  401 401 200 200 200 200 200
GET /api/documents/{docId}/content          absent     401 401 404 404 404 404 404
GET /api/documents/{docId}/content          official   401 401 404 404 404 200 200
GET /api/documents/{docId}/download         own        401 401 200 200 200 200 200
GET /api/documents/{docId}/download         foreign    401 401 404 404 404 404 200
GET /api/documents/{docId}/download         published  401 401 200 200 200 200 200
GET /api/documents/{docId}/download         absent     401 401 404 404 404 404 404
GET /api/documents/{docId}/download         official   401 401 404 404 404 200 200
GET /api/namespaces                         -          401 401 200 200 200 200 200
POST /api/namespaces                        -          401 401 403 201 403 403 201
GET /api/namespaces/{id}                    own        401 401 200 200 200 200 200
GET /api/namespaces/{id}                    foreign    401 401 404 404 404 404 200
GET /api/namespaces/{id}                    absent     401 401 404 404 404 404 404
POST /api/namespaces/{id}/confirm           own        401 401 403 403 403 403 200
POST /api/namespaces/{id}/confirm           foreign    401 401 403 403 403 403 200
POST /api/namespaces/{id}/confirm           absent     401 401 403 403 403 403 404
POST /api/namespaces/{id}/refuse            own        401 401 403 403 403 403 200
POST /api/namespaces/{id}/refuse            foreign    401 401 403 403 403 403 200
POST /api/namespaces/{id}/refuse            absent     401 401 403 403 403 403 404
POST /api/namespaces/{id}/withdraw          own        401 401 403 200 403 403 200
POST /api/namespaces/{id}/withdraw          foreign    401 401 403 404 403 403 200
POST /api/namespaces/{id}/withdraw          absent     401 401 403 404 403 403 404
GET /api/notifications                      -          401 401 200 200 200 200 200
POST /api/notifications                     -          401 401 403 403 403 403 201
PATCH /api/notifications/read               -          401 401 200 200 200 200 200
GET /api/notifications/stats                -          401 401 200 200 200 200 200
GET /api/notifications/settings             -          401 401 200 200 200 200 200
PUT /api/notifications/settings             -          401 401 200 200 200 200 200
GET /api/notifications/audit                -          401 401 403 403 403 403 200
GET /api/notifications/{id}                 own        401 401 200 200 200 200 200
GET /api/notifications/{id}                 foreign    401 401 404 404 404 404 404
GET /api/notifications/{id}                 absent     401 401 404 404 404 404 404
DELETE /api/notifications/{id}              own        401 401 204 204 204 204 204
DELETE /api/notifications/{id}              foreign    401 401 404 404 404 404 404
DELETE /api/notifications/{id}              absent     401 401 404 404 404 404 404
PATCH /api/notifications/{id}/read          own        401 401 200 200 200 200 200
PATCH /api/notifications/{id}/read          foreign    401 401 404 404 404 404 404
PATCH /api/notifications/{id}/read          absent     401 401 404 404 404 404 404
GET /api/passports                          -          401 401 200 200 200 200 200
POST /api/passports                         -          401 401 403 201 403 403 201
GET /api/passports/rulesets                 -          401 401 200 200 200 200 200
GET /api/passports/rulesets/{id}/attributes existing   401 401 200 200 200 200 200
GET /api/passports/rulesets/{id}/attributes absent     401 401 404 404 404 404 404
GET /api/passports/rulesets/{id}/schema     existing   200 200 200 200 200 200 200
GET /api/passports/rulesets/{id}/schema     absent     404 404 404 404 404 404 404
GET /api/passports/export                   -          401 401 200 200 200 200 200
GET /api/passports/import/template          -          401 401 422 422 422 422 422
POST /api/passports/import                  -          401 401 403 200 403 403 200
POST /api/passports/labels                  -          401 401 403 422 403 403 422
POST /api/passports/validate                -          401 401 403 200 403 403 200
GET /api/passports/{id}                     own        401 401 200 200 200 200 200
GET /api/passports/{id}                     foreign    401 401 404 404 404 404 200
GET /api/passports/{id}                     published  401 401 200 200 200 200 200
GET /api/passports/{id}                     absent     401 401 404 404 404 404 404
GET /api/passports/{id}                     issued     401 401 200 200 200 200 200
GET /api/passports/{id}                     archived   401 401 410 410 410 200 200
PUT /api/passports/{id}                     own        401 401 403 200 403 403 200
PUT /api/passports/{id}                     foreign    401 401 403 404 403 403 200
PUT /api/passports/{id}                     published  401 401 403 403 403 403 422
PUT /api/passports/{id}                     absent     401 401 403 404 403 403 404
PUT /api/passports/{id}                     issued     401 401 403 422 403 403 422
PUT /api/passports/{id}                     archived   401 401 403 410 403 403 409
PATCH /api/passports/{id}                   own        401 401 403 200 403 403 200
PATCH /api/passports/{id}                   foreign    401 401 403 404 403 403 200
PATCH /api/passports/{id}                   published  401 401 403 403 403 403 200
PATCH /api/passports/{id}                   absent     401 401 403 404 403 403 404
PATCH /api/passports/{id}                   issued     401 401 403 200 403 403 200
PATCH /api/passports/{id}                   archived   401 401 403 410 403 403 409
DELETE /api/passports/{id}                  own        401 401 403 204 403 403 204
DELETE /api/passports/{id}                  foreign    401 401 403 404 403 403 204
DELETE /api/passports/{id}                  published  401 401 403 403 403 403 409
DELETE /api/passports/{id}                  absent     401 401 403 404 403 403 404
DELETE /api/passports/{id}                  issued     401 401 403 409 403 403 409
DELETE /api/passports/{id}                  archived   401 401 403 410 403 403 409
POST /api/passports/{id}/archive            own        401 401 403 409 403 403 409
POST /api/passports/{id}/archive            foreign    401 401 403 404 403 403 409
POST /api/passports/{id}/archive            published  401 401 403 403 403 403 200
POST /api/passports/{id}/archive            absent     401 401 403 404 403 403 404
POST /api/passports/{id}/archive            issued     401 401 403 200 403 403 200
POST /api/passports/{id}/archive            archived   401 401 403 410 403 403 200
GET /api/passports/{id}/export              own        401 401 200 200 200 200 200
GET /api/passports/{id}/export              foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/export              published  401 401 200 200 200 200 200
GET /api/passports/{id}/export              absent     401 401 404 404 404 404 404
GET /api/passports/{id}/export              issued     401 401 200 200 200 200 200
GET /api/passports/{id}/export              archived   401 401 410 410 410 200 200
GET /api/passports/{id}/carrier             own        401 401 200 200 200 200 200
GET /api/passports/{id}/carrier             foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/carrier             published  401 401 200 200 200 200 200
GET /api/passports/{id}/carrier             absent     401 401 404 404 404 404 404
GET /api/passports/{id}/carrier             issued     401 401 200 200 200 200 200
GET /api/passports/{id}/carrier             archived   401 401 410 410 410 200 200
GET /api/passports/{id}/compliance          own        401 401 200 200 200 200 200
GET /api/passports/{id}/compliance          foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/compliance          published  401 401 403 403 200 200 200
GET /api/passports/{id}/compliance          absent     401 401 404 404 404 404 404
GET /api/passports/{id}/compliance          issued     401 401 200 200 200 200 200
GET /api/passports/{id}/compliance          archived   401 401 410 410 410 200 200
GET /api/passports/{id}/diff                own        401 401 200 200 200 200 200
GET /api/passports/{id}/diff                foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/diff                published  401 401 403 403 404 404 200
GET /api/passports/{id}/diff                absent     401 401 404 404 404 404 404
GET /api/passports/{id}/diff                issued     401 401 200 200 200 200 200
GET /api/passports/{id}/diff                archived   401 401 410 410 410 200 200
POST /api/passports/{id}/publish            own        401 401 403 200 403 403 200
POST /api/passports/{id}/publish            foreign    401 401 403 404 403 403 200
POST /api/passports/{id}/publish            published  401 401 403 403 403 403 200
POST /api/passports/{id}/publish            absent     401 401 403 404 403 403 404
POST /api/passports/{id}/publish            issued     401 401 403 200 403 403 200
POST /api/passports/{id}/publish            archived   401 401 403 410 403 403 409
GET /api/passports/{id}/verify              own        401 401 200 200 200 200 200
GET /api/passports/{id}/verify              foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/verify              published  401 401 403 403 200 200 200
GET /api/passports/{id}/verify              absent     401 401 404 404 404 404 404
GET /api/passports/{id}/verify              issued     401 401 200 200 200 200 200
GET /api/passports/{id}/verify              archived   401 401 410 410 410 200 200
GET /api/passports/{id}/versions            own        401 401 200 200 200 200 200
GET /api/passports/{id}/versions            foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/versions            published  401 401 403 403 200 200 200
GET /api/passports/{id}/versions            absent     401 401 404 404 404 404 404
GET /api/passports/{id}/versions            issued     401 401 200 200 200 200 200
GET /api/passports/{id}/versions            archived   401 401 410 410 410 200 200
GET /api/passports/{id}/versions/{version}  own        401 401 200 200 200 200 200
GET /api/passports/{id}/versions/{version}  foreign    401 401 404 404 404 404 200
GET /api/passports/{id}/versions/{version}  published  401 401 403 403 404 404 200
GET /api/passports/{id}/versions/{version}  absent     401 401 404 404 404 404 404
GET /api/passports/{id}/versions/{version}  issued     401 401 200 200 200 200 200
GET /api/passports/{id}/versions/{version}  archived   401 401 410 410 410 404 200
POST /api/passports/{id}/void               own        401 401 403 403 403 403 409
POST /api/passports/{id}/void               foreign    401 401 403 403 403 403 409
POST /api/passports/{id}/void               published  401 401 403 403 403 403 200
POST /api/passports/{id}/void               absent     401 401 403 403 403 403 404
POST /api/passports/{id}/void               issued     401 401 403 403 403 403 200
POST /api/passports/{id}/void               archived   401 401 403 403 403 403 200
GET /api/public/documents                   -          422 422 422 422 422 422 422
GET /api/public/documents/{docId}           own        404 404 404 404 404 404 404
GET /api/public/documents/{docId}           foreign    404 404 404 404 404 404 404
GET /api/public/documents/{docId}           published  200 200 200 200 200 200 200
GET /api/public/documents/{docId}           absent     404 404 404 404 404 404 404
GET /api/public/documents/{docId}/content   own        404 404 404 404 404 404 404
GET /api/public/documents/{docId}/content   foreign    404 404 404 404 404 404 404
GET /api/public/documents/{docId}/content   published  200 200 200 200 200 200 200
GET /api/public/documents/{docId}/content   absent     404 404 404 404 404 404 404
GET /api/public/passports                   own        404 404 404 404 404 404 404
GET /api/public/passports                   foreign    404 404 404 404 404 404 404
GET /api/public/passports                   published  200 200 200 200 200 200 200
GET /api/public/passports                   absent     404 404 404 404 404 404 404
GET /api/public/passports                   archived   410 410 410 410 410 410 410
GET /api/public/passports/{id}              own        404 404 404 404 404 404 404
GET /api/public/passports/{id}              foreign    404 404 404 404 404 404 404
GET /api/public/passports/{id}              published  200 200 200 200 200 200 200
GET /api/public/passports/{id}              absent     404 404 404 404 404 404 404
GET /api/public/passports/{id}              archived   410 410 410 410 410 410 410
GET /api/public/passports/{id}/export       own        404 404 404 404 404 404 404
GET /api/public/passports/{id}/export       foreign    404 404 404 404 404 404 404
GET /api/public/passports/{id}/export       published  200 200 200 200 200 200 200
GET /api/public/passports/{id}/export       absent     404 404 404 404 404 404 404
GET /api/public/passports/{id}/export       archived   410 410 410 410 410 410 410
GET /api/public/passports/{id}/carrier      own        404 404 404 404 404 404 404
GET /api/public/passports/{id}/carrier      foreign    404 404 404 404 404 404 404
GET /api/public/passports/{id}/carrier      published  200 200 200 200 200 200 200
GET /api/public/passports/{id}/carrier      absent     404 404 404 404 404 404 404
GET /api/public/passports/{id}/carrier      archived   410 410 410 410 410 410 410
GET /api/auth/health                        -          200 200 200 200 200 200 200
GET /api/auth/livez                         -          200 200 200 200 200 200 200
GET /api/auth/readyz                        -          200 200 200 200 200 200 200
GET /api/documents/health                   -          200 200 200 200 200 200 200
GET /api/documents/livez                    -          200 200 200 200 200 200 200
GET /api/documents/readyz                   -          200 200 200 200 200 200 200
GET /api/notifications/health               -          200 200 200 200 200 200 200
GET /api/notifications/livez                -          200 200 200 200 200 200 200
GET /api/notifications/readyz               -          200 200 200 200 200 200 200
GET /api/passports/health                   -          200 200 200 200 200 200 200
GET /api/passports/livez                    -          200 200 200 200 200 200 200
GET /api/passports/readyz                   -          200 200 200 200 200 200 200
`

// managerMatrix has the statuses for the manager of the organisation, an operator, where they
// differ from those of other operators.
const managerMatrix = `
GET /api/auth/clients                       -          200
POST /api/auth/clients                      -          201
GET /api/auth/clients/{id}                  own        200
GET /api/auth/clients/{id}                  foreign    404
GET /api/auth/clients/{id}                  absent     404
PATCH /api/auth/clients/{id}                own        200
PATCH /api/auth/clients/{id}                foreign    404
PATCH /api/auth/clients/{id}                absent     404
DELETE /api/auth/clients/{id}               own        204
DELETE /api/auth/clients/{id}               foreign    404
DELETE /api/auth/clients/{id}               absent     404
POST /api/auth/clients/{id}/secrets         own        201
POST /api/auth/clients/{id}/secrets         foreign    404
POST /api/auth/clients/{id}/secrets         absent     404
DELETE /api/auth/clients/{id}/secrets/{secretId} own        404
DELETE /api/auth/clients/{id}/secrets/{secretId} foreign    404
DELETE /api/auth/clients/{id}/secrets/{secretId} absent     404
GET /api/auth/invitations                   -          200
POST /api/auth/invitations                  -          201
POST /api/auth/invitations/{id}/resend      own        200
POST /api/auth/invitations/{id}/resend      foreign    404
POST /api/auth/invitations/{id}/resend      absent     404
DELETE /api/auth/invitations/{id}           own        204
DELETE /api/auth/invitations/{id}           foreign    404
DELETE /api/auth/invitations/{id}           absent     404
DELETE /api/auth/users/{id}/totp            own        409
DELETE /api/auth/users/{id}/totp            foreign    404
DELETE /api/auth/users/{id}/totp            absent     404
GET /api/auth/users                         -          200
GET /api/auth/users/{id}                    own        200
GET /api/auth/users/{id}                    foreign    404
GET /api/auth/users/{id}                    absent     404
PATCH /api/auth/users/{id}                  own        200
PATCH /api/auth/users/{id}                  foreign    404
PATCH /api/auth/users/{id}                  absent     404
`

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
