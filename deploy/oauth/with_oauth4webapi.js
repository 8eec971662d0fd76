// oauth4webapi as a client and as a resource server: discovery, client credentials, a request with the token, validation of
// the token, a wrong secret.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import * as oauth from 'oauth4webapi'

const { ISSUER, CLIENT_ID, CLIENT_SECRET, PASSPORT_URL } = process.env
const http = { [oauth.allowInsecureRequests]: true } // the suite of this test has no certificate
const issuer = new URL(ISSUER)

let server
for (const algorithm of ['oidc', 'oauth2']) {
  const response = await oauth.discoveryRequest(issuer, { algorithm, ...http })
  server = await oauth.processDiscoveryResponse(issuer, response)
}
const client = { client_id: CLIENT_ID }
const grant = async (authentication) =>
  oauth.processClientCredentialsResponse(server, client, await oauth.clientCredentialsGrantRequest(server, client, authentication, {}, http))

const token = await grant(oauth.ClientSecretBasic(CLIENT_SECRET))
const passports = new URL(`${PASSPORT_URL}/api/passports`)
const response = await oauth.protectedResourceRequest(token.access_token, 'GET', passports, undefined, undefined, http)
assert.equal(response.status, 200)

const request = new Request(passports, { headers: { authorization: `Bearer ${token.access_token}` } })
const claims = await oauth.validateJwtAccessToken(server, request, 'battery-passport', { signingAlgorithms: ['ES256'], ...http })
assert.equal(claims.client_id, CLIENT_ID)
assert.equal(claims.scope, token.scope)
assert.ok(token.scope.split(' ').includes('passports:write'), token.scope)

// The response has the header WWW-Authenticate, as RFC 6749 requires: the library reports that first.
const error = await grant(oauth.ClientSecretBasic(`${CLIENT_SECRET}x`)).catch((reason) => reason)
assert.ok(error instanceof oauth.WWWAuthenticateChallengeError, error)
assert.equal(error.cause[0].scheme, 'basic')
assert.equal((await error.response.json()).error, 'invalid_client')

const { version } = JSON.parse(readFileSync(new URL('node_modules/oauth4webapi/package.json', import.meta.url)))
console.log(`oauth4webapi ${version}: discovered the server (RFC 8414 and OpenID), got a token with Basic, listed passports, ` +
  'validated the token (RFC 9068); wrong secret: WWWAuthenticateChallengeError with invalid_client')
