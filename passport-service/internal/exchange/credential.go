package exchange

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/battery-passport/suite/pkg/fault"
)

// CredentialType is the media type of credentials as JSON Web Tokens (W3C: Securing Verifiable Credentials using JOSE and
// COSE).
const CredentialType = "application/vc+jwt"

// Credentials reads documents from credentials, a JSON Web Token on each line. It does not check their signatures, which
// is a warning of each row.
func Credentials(r io.Reader) (Source, error) {
	in, err := newUTF8(r, jsonObject, jsonArray)
	return &ndjson{in: in, row: func(line []byte, number int) Record { return credentialRow(string(line), number) }}, err
}

// credentialRow returns a row with the document in a JSON Web Token.
func credentialRow(token string, number int) Record {
	document, err := payloadOf(token)
	if err != nil {
		return invalidRow(number, err)
	}
	r := rowOf(number, document, 1, DocumentDepth)
	if r.Body != nil {
		r.Warnings = []fault.Detail{{Code: "signature", Message: "the signature of the credential was not checked: check it unless you know where the credential comes from"}}
	}
	return r
}

// payloadOf returns the credential in a JSON Web Token. It fails with fault.Malformed.
func payloadOf(token string) ([]byte, error) {
	invalid := func(code, message string) error {
		return fault.New(fault.Malformed, "the credential is not a valid JSON Web Token").With(fault.Detail{Code: code, Message: message})
	}
	parts := strings.Split(strings.TrimSpace(token), ".")
	switch {
	case strings.Contains(token, "~"):
		return nil, invalid("format", "it is an SD-JWT, in which claims may be missing: send the credential as JSON")
	case len(parts) != 3:
		return nil, invalid("format", "it must have a header, a payload and a signature with points between them")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, invalid("syntax", "its payload must be in Base64 for URLs, without padding")
	}
	var claims struct {
		VC json.RawMessage `json:"vc"` // of version 1.1 of the data model
	}
	if json.Unmarshal(payload, &claims) == nil && claims.VC != nil {
		return claims.VC, nil
	}
	return payload, nil
}

// tokenIn returns the JSON Web Token in an EnvelopedVerifiableCredential. isEnvelope is false for other documents. It
// fails with fault.Malformed if the envelope has another kind of credential.
func tokenIn(document []byte) (token string, isEnvelope bool, err error) {
	const envelope, current = "EnvelopedVerifiableCredential", "data:" + CredentialType + ","
	const earlier = "data:application/vc-ld+jwt," // of drafts of the specification, and of the reference implementation of UNTP
	var e struct {
		Type any    `json:"type"`
		ID   string `json:"id"`
	}
	if !bytes.Contains(document, []byte(envelope)) || json.Unmarshal(document, &e) != nil {
		return "", false, nil
	}
	if types, _ := e.Type.([]any); e.Type != envelope && !slices.Contains(types, any(envelope)) {
		return "", false, nil
	}
	for _, begin := range []string{current, earlier} {
		if token, ok := strings.CutPrefix(e.ID, begin); ok {
			return token, true, nil
		}
	}
	return "", true, fault.New(fault.Malformed, "the enveloped credential cannot be read").
		With(fault.Detail{Path: "/id", Code: "format", Message: "must begin with " + current + "; send other credentials as JSON without an envelope"})
}
