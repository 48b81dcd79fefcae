package serve

import (
	"context"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/budget"
)

const (
	// exemptAnswer is how large an answer may be without counting.
	exemptAnswer = 16 << 10
	// maxHeldAnswers is what all larger ones may take together. A client that does not
	// read holds its answer in memory, and the smallest task has 256 MiB.
	maxHeldAnswers = 48 << 20
)

// heldAnswers bounds the memory of answers that wait for gRPC clients to read them.
type heldAnswers struct{ budget *budget.Budget }

type heldKey struct{}

// TagRPC gives each call a place for what its answer holds.
func (h *heldAnswers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, heldKey{}, new(atomic.Int64))
}

// HandleRPC gives back what a call's answer held when the call has ended: when gRPC has
// handed all of it to the connection.
func (h *heldAnswers) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ended := s.(*stats.End); !ended {
		return
	}
	if held, ok := ctx.Value(heldKey{}).(*atomic.Int64); ok {
		h.budget.Give(held.Swap(0))
	}
}

// TagConn does nothing.
func (h *heldAnswers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (h *heldAnswers) HandleConn(context.Context, stats.ConnStats) {}

// unary is an interceptor that refuses an answer for which there is no room.
func (h *heldAnswers) unary(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	resp, err := handler(ctx, req)
	m, ok := resp.(proto.Message)
	if err != nil || !ok {
		return resp, err
	}
	size := int64(proto.Size(m))
	if size <= exemptAnswer {
		return resp, nil
	}
	held, ok := ctx.Value(heldKey{}).(*atomic.Int64)
	if !ok {
		return resp, nil
	}
	if !h.budget.Take(size) {
		return nil, apierr.ErrOverloaded.GRPCStatus().Err()
	}
	held.Store(size)
	return resp, nil
}
