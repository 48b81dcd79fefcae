package observe

import (
	"context"
	"math/rand/v2"

	"google.golang.org/grpc/metadata"
)

// RequestIDKey is the metadata key that carries a request's id over gRPC.
const RequestIDKey = "x-request-id"

// headerRequestID is the same over HTTP, as net/http spells it.
const headerRequestID = "X-Request-Id"

// maxRequestID bounds an id that a client chose.
const maxRequestID = 128

// requestContext carries a request's id. It is a type of its own because
// [context.WithValue] would need a second allocation for the string.
type requestContext struct {
	context.Context
	id string
}

type requestIDKey struct{}

func (c *requestContext) Value(key any) any {
	if _, ok := key.(requestIDKey); ok {
		return c
	}
	return c.Context.Value(key)
}

// WithRequestID returns a context that carries a request's id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return &requestContext{Context: ctx, id: id}
}

// WithSentRequestID does the same with the id that another process sent. One that is not
// fit for a log is replaced.
func WithSentRequestID(ctx context.Context, id string) context.Context {
	if !validRequestID(id) {
		id = newRequestID()
	}
	return WithRequestID(ctx, id)
}

// RequestID gives the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(requestIDKey{}).(*requestContext); ok {
		return c.id
	}
	return ""
}

// NewOutgoing returns a context whose calls carry ctx's request id, if it has one,
// so that one id names a request in the logs of all services that it meets.
func NewOutgoing(ctx context.Context) context.Context {
	id := RequestID(ctx)
	if id == "" {
		return ctx
	}
	if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md.Get(RequestIDKey)) > 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, RequestIDKey, id)
}

// chooseRequestID keeps the id that the client sent, if it sent one that is fit for
// a log, and makes a new one otherwise.
func chooseRequestID(sent []string) string {
	if len(sent) == 1 && validRequestID(sent[0]) {
		return sent[0]
	}
	return newRequestID()
}

func validRequestID(s string) bool {
	if s == "" || len(s) > maxRequestID {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// newRequestID gives 128 random bits, as a trace id has. They need not be secret.
func newRequestID() string {
	const digits = "0123456789abcdef"
	var b [32]byte
	hi, lo := rand.Uint64(), rand.Uint64() //nolint:gosec // names a request, guards nothing
	for i := range 16 {
		b[i] = digits[hi>>(60-4*i)&15]
		b[16+i] = digits[lo>>(60-4*i)&15]
	}
	return string(b[:])
}
