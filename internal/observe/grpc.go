package observe

import (
	"context"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// StatsHandler gives every RPC of a server a request id and a line in the log. It is
// a stats handler and no interceptor because interceptors do not see the RPCs that
// gRPC refuses itself: a message too large, or one that does not decode.
func (l *AccessLog) StatsHandler() stats.Handler { return &rpcHandler{log: l} }

// RequestIDs gives every RPC of a server a request id and logs nothing.
func RequestIDs() stats.Handler { return new(rpcHandler) }

type rpcHandler struct{ log *AccessLog } // nil: nothing is logged

// A rpc is an RPC in progress. gRPC reports its events one after another.
type rpc struct {
	requestContext
	method string
	bytes  int64
}

type rpcKey struct{}

func (c *rpc) Value(key any) any {
	switch key.(type) {
	case rpcKey:
		return c
	case requestIDKey:
		return &c.requestContext
	}
	return c.Context.Value(key)
}

func (h *rpcHandler) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	id := chooseRequestID(metadata.ValueFromIncomingContext(ctx, RequestIDKey))
	return &rpc{requestContext: requestContext{Context: ctx, id: id}, method: info.FullMethodName}
}

func (h *rpcHandler) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if h.log == nil {
		return
	}
	c, ok := ctx.Value(rpcKey{}).(*rpc)
	if !ok {
		return
	}
	switch s := s.(type) {
	case *stats.OutPayload:
		c.bytes += int64(s.WireLength)
	case *stats.End:
		remote := "-"
		if p, ok := peer.FromContext(ctx); ok {
			remote = p.Addr.String()
		}
		h.log.log(&entry{
			end: s.EndTime, grpc: true, method: http.MethodPost, path: c.method,
			code: status.Code(s.Error), bytes: c.bytes, duration: s.EndTime.Sub(s.BeginTime),
			requestID: c.id, remote: remote,
		})
	}
}

func (h *rpcHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

func (h *rpcHandler) HandleConn(context.Context, stats.ConnStats) {}

// AnswerRequestID is an interceptor for a server that has a StatsHandler: the answer
// carries the request's id.
func AnswerRequestID(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	// It fails only where there is no stream to answer on.
	_ = grpc.SetHeader(ctx, metadata.MD{RequestIDKey: []string{RequestID(ctx)}})
	return handler(ctx, req)
}
