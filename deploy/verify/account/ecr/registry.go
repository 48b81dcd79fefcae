// Package ecr plays the registry behind ECR: what is pushed to it is an image in the
// emulator's ECR, by ECR's rules.
package ecr

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
)

// A Pushed manifest is what ECR is asked to take before the registry keeps it.
type Pushed struct {
	Repository string `json:"repository"`
	Reference  string `json:"reference"` // a tag or a digest
	MediaType  string `json:"mediaType"`
	Manifest   string `json:"manifest"`
}

// A Registry is a server on this machine.
type Registry struct {
	Addr string // HOST:PORT

	images http.Handler
	take   func(ctx context.Context, pushed Pushed) error
	server http.Server
}

// Start serves a registry in memory.
func Start(ctx context.Context) (*Registry, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Registry{Addr: listener.Addr().String(), images: registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))}
	r.server = http.Server{Handler: r} //nolint:gosec // for clients on this machine
	go func() { _ = r.server.Serve(listener) }()
	return r, nil
}

// Ask has the function asked before a manifest is kept. It is to be called before the first
// push.
func (r *Registry) Ask(take func(ctx context.Context, pushed Pushed) error) { r.take = take }

// Close ends the server.
func (r *Registry) Close() error { return r.server.Close() }

var manifestPath = regexp.MustCompile(`^/v2/(.+)/manifests/([^/]+)$`)

// ServeHTTP implements [http.Handler].
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	// ECR knows users by the password that get-login-password gives; AWS is their name.
	if user, password, _ := req.BasicAuth(); user != "AWS" || password == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="ecr"`)
		http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
		return
	}
	if path := manifestPath.FindStringSubmatch(req.URL.Path); path != nil && req.Method == http.MethodPut {
		manifest, err := io.ReadAll(req.Body)
		if err == nil {
			err = r.take(req.Context(), Pushed{path[1], path[2], req.Header.Get("Content-Type"), string(manifest)})
		}
		if err != nil {
			text := strings.ReplaceAll(fmt.Sprintf("%.300s", err), `"`, `'`)
			http.Error(w, fmt.Sprintf(`{"errors":[{"code":"DENIED","message":%q}]}`, text), http.StatusBadRequest)
			return
		}
		req.Body = io.NopCloser(bytes.NewReader(manifest))
	}
	r.images.ServeHTTP(w, req)
}
