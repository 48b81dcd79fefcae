package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/observe"
)

// Limits of the REST listener.
const (
	// maxHTTPConns keeps connections within the memory of a small task: each costs some
	// 20 KiB, and up to 64 KiB more while its header is on the way.
	maxHTTPConns = 1024
	// maxHeader is the most bytes of a request's line and header.
	maxHeader         = 64 << 10
	readHeaderTimeout = 10 * time.Second
	readTimeout       = 30 * time.Second
	// writeTimeout is from the end of the header to the end of the answer.
	writeTimeout = 60 * time.Second
	// idleTimeout is longer than the 60 s after which an ALB closes a connection: were
	// it shorter, the ALB could send a request into a connection that is closing.
	idleTimeout = 75 * time.Second
)

// A restServer serves HTTP.
type restServer struct {
	server  *http.Server
	running atomic.Int64 // requests in progress
	abort   context.CancelFunc
}

// newRESTServer returns a server for face. draining tells it to close connections
// after their next answer.
func newRESTServer(face http.Handler, access *observe.AccessLog, log *slog.Logger, draining func() bool) *restServer {
	base, abort := context.WithCancel(context.Background())
	r := &restServer{abort: abort}
	guarded := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.running.Add(1)
		defer r.running.Add(-1)
		if draining() {
			// Shutdown closes idle connections at once, which a load balancer that is
			// about to use one sees as a reset. This way they end in good order first.
			w.Header().Set("Connection", "close")
		}
		recovered(w, req, face, log) //nolint:contextcheck // the request has it
	})
	r.server = &http.Server{
		Handler:           access.Handler(guarded),
		BaseContext:       func(net.Listener) context.Context { return base },
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader - 4096, // net/http allows 4096 bytes more than it is told
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	return r
}

// serve serves until stop.
func (r *restServer) serve(ln net.Listener) error {
	err := r.server.Serve(netutil.LimitListener(ln, maxHTTPConns))
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// stop stops listening and waits for the requests in progress; when ctx ends it
// breaks them off.
func (r *restServer) stop(ctx context.Context) error {
	defer r.abort()
	err := r.server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	// Shutdown also waits for connections that have not sent anything yet.
	n := r.running.Load()
	err = r.server.Close()
	if n == 0 {
		return err
	}
	// The handlers see the end of their context. The store must not be closed under
	// them.
	r.abort()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range int(abortGrace / time.Millisecond) {
		if r.running.Load() == 0 {
			return errors.Join(fmt.Errorf("%d requests took too long and were broken off", n), err)
		}
		<-tick.C
	}
	return errors.Join(fmt.Errorf("%d requests do not end", r.running.Load()), err)
}

// abortGrace is how long a handler whose context has ended may take to return.
const abortGrace = time.Second

// internalError is the body that answers a panic.
var internalError = func() []byte {
	b, err := protojson.Marshal(apierr.ErrInternal.GRPCStatus().Proto())
	if err != nil {
		panic(err) // a constant of ours
	}
	var out bytes.Buffer
	if err := json.Compact(&out, b); err != nil {
		panic(err) // protojson writes JSON
	}
	return out.Bytes()
}()

// recovered runs next and answers a panic with 500, or by closing the connection if
// the answer had begun. w comes from the access log.
func recovered(w http.ResponseWriter, r *http.Request, next http.Handler, log *slog.Logger) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(v)
		}
		log.ErrorContext(r.Context(), "panic in a handler", "method", r.Method, "path", r.URL.Path,
			"request_id", observe.RequestID(r.Context()), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		if observe.Begun(w) {
			panic(http.ErrAbortHandler)
		}
		h := w.Header()
		for _, k := range []string{"Content-Length", "Etag", "Location", "Link"} {
			h.Del(k)
		}
		h.Set("Content-Type", "application/json; charset=utf-8")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = w.Write(internalError)
	}()
	next.ServeHTTP(w, r)
}
