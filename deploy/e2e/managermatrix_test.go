package e2e

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
