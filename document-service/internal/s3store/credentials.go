package s3store

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

const (
	// credentialWait is how long a request waits for credentials. The look-up
	// continues for the next request.
	credentialWait = 1500 * time.Millisecond
	// missingFor is the pause after a failed look-up: outside AWS the metadata
	// address may not even refuse a connection.
	missingFor = 5 * time.Second
	// renewBefore is how long before they expire credentials are renewed. Not all
	// providers do that themselves.
	renewBefore = 5 * time.Minute
)

// noCredentials is why a request cannot be signed. A retry would fail too.
type noCredentials struct{ error }

func (e noCredentials) Unwrap() error { return e.error }

// RetryableError tells the SDK not to retry.
func (noCredentials) RetryableError() bool { return false }

// credentials returns the configured key, or else the default chain of AWS: files,
// a web identity, the role of a container or of a machine.
func (c Config) credentials() aws.CredentialsProvider {
	if c.KeyID != "" {
		return credentials.NewStaticCredentialsProvider(c.KeyID, c.Secret, c.Session)
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true }) // asked once an hour
	found, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client), config.WithRegion(c.Region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // the next request tries again, and nothing outlives the service for long
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore }))
	return &chain{provider: found.Credentials, broken: err}
}

// chain limits the wait for credentials and remembers for missingFor that there
// are none. It is safe for concurrent use.
type chain struct {
	provider aws.CredentialsProvider // caches credentials until renewBefore
	broken   error                   // set when there is no provider

	mu      sync.Mutex
	missing error
	until   time.Time
}

// Retrieve implements aws.CredentialsProvider.
func (c *chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if c.broken != nil {
		return aws.Credentials{}, noCredentials{c.broken}
	}
	c.mu.Lock()
	missing := c.missing
	if time.Now().After(c.until) {
		missing = nil
	}
	c.mu.Unlock()
	if missing != nil {
		return aws.Credentials{}, missing
	}
	waited, cancel := context.WithTimeout(ctx, credentialWait)
	defer cancel()
	found, err := c.provider.Retrieve(waited)
	if err == nil || ctx.Err() != nil {
		return found, err
	}
	err = noCredentials{err}
	c.mu.Lock()
	c.missing, c.until = err, time.Now().Add(missingFor)
	c.mu.Unlock()
	return aws.Credentials{}, err
}
