package serve

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthTimeout bounds the question and its answer together.
const healthTimeout = 2 * time.Second

// A healthCommand asks a process beside it, in the same container, what a load balancer
// asks: whether it takes requests. It does not ask who owns a store: a forwarder is as
// healthy as an owner.
type healthCommand struct {
	httpFlag
}

// Validate finds what cannot be.
func (c *healthCommand) Validate() error { return c.validate() }

// Run fails unless the process is ready to receive requests.
func (c *healthCommand) Run(a *app) error {
	var d net.Dialer
	client := &http.Client{
		Timeout: healthTimeout,
		// An answer from elsewhere says nothing about this process.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:             nil,
			DisableKeepAlives: true,
			// Where a process listens is where it is dialled: no host, or the
			// unspecified address, means this machine to both.
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return d.DialContext(ctx, network, c.HTTP)
			},
		},
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost/", http.NoBody)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("not healthy: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not healthy: GET / on %s answers %s", c.HTTP, resp.Status)
	}
	_, err = fmt.Fprintln(a.stdout, "healthy")
	return err
}
