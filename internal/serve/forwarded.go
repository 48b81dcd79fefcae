package serve

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/observe"
)

// forwarded runs a call that another process has forwarded. That process has logged it.
func (p *Process) forwarded(ctx context.Context, call *forward.Call) (proto.Message, error) {
	ctx = observe.WithSentRequestID(ctx, call.RequestID)
	if call.Deadline.IsZero() {
		return p.local.Serve(ctx, call.Method, call.Message, call.Metadata())
	}
	limited := &lazyDeadline{parent: ctx, deadline: call.Deadline}
	defer limited.finish()
	//nolint:contextcheck // it is a child of ctx
	return p.local.Serve(limited, call.Method, call.Message, call.Metadata())
}
