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
	// credentialWait is how long a request waits for credentials. The lookup
	// continues for the next request.
	credentialWait = 1500 * time.Millisecond
	// retryPause is the pause after a failed lookup. Outside AWS the address of the
	// instance metadata may not even refuse connections, so each lookup takes long.
	retryPause = 5 * time.Second
	// renewBefore is how long before their expiry credentials are renewed. Some
	// providers do not renew them early.
	renewBefore = 5 * time.Minute
)

// noCredentials is the error of a request that cannot be signed.
type noCredentials struct{ error }

func (e noCredentials) Unwrap() error { return e.error }

// RetryableError makes the SDK not retry.
func (noCredentials) RetryableError() bool { return false }

// credentials returns the configured key or, without one, the default credential
// chain of AWS: files, web identity, container role, instance role.
func (c Config) credentials() aws.CredentialsProvider {
	if c.KeyID != "" {
		return credentials.NewStaticCredentialsProvider(c.KeyID, c.Secret, c.Session)
	}
	client := awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DisableKeepAlives = true }) // used about once an hour
	found, err := config.LoadDefaultConfig(context.Background(), config.WithHTTPClient(client), config.WithRegion(c.Region),
		config.WithRetryer(func() aws.Retryer { return aws.NopRetryer{} }), // the next request tries again; retries would delay the shutdown
		config.WithCredentialsCacheOptions(func(o *aws.CredentialsCacheOptions) { o.ExpiryWindow = renewBefore }))
	return &chain{provider: found.Credentials, loadErr: err}
}

// chain limits the wait for credentials and caches a failed lookup for retryPause. It
// is safe for concurrent use.
type chain struct {
	provider aws.CredentialsProvider // caches credentials until renewBefore
	loadErr  error                   // set when the configuration cannot be loaded

	mu      sync.Mutex
	lastErr error
	until   time.Time
}

// Retrieve implements aws.CredentialsProvider.
func (c *chain) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if c.loadErr != nil {
		return aws.Credentials{}, noCredentials{c.loadErr}
	}
	c.mu.Lock()
	missing := c.lastErr
	if time.Now().After(c.until) {
		missing = nil
	}
	c.mu.Unlock()
	if missing != nil {
		return aws.Credentials{}, missing
	}
	waitCtx, cancel := context.WithTimeout(ctx, credentialWait)
	defer cancel()
	found, err := c.provider.Retrieve(waitCtx)
	if err == nil || ctx.Err() != nil {
		return found, err
	}
	err = noCredentials{err}
	c.mu.Lock()
	c.lastErr, c.until = err, time.Now().Add(retryPause)
	c.mu.Unlock()
	return aws.Credentials{}, err
}
