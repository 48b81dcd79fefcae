package lease

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/failpoint"
	"github.com/splitboard/splitboard/internal/forward"
	"github.com/splitboard/splitboard/internal/idempotency"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/store"

	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// maxMargin is how long before a call's deadline a forwarder stops waiting for the owner,
// so that its caller gets an answer and not silence. A tenth of the time that is left, if
// that is less.
const maxMargin = 100 * time.Millisecond

// Unary is the interceptor of calls that clients send: it runs the call here if the
// process owns the store, and forwards it to the owner if it does not. While there is no
// owner, the call waits. It returns what the handler does, here or there, or ErrNoOwner.
func (l *Lease) Unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if l.view.Load().role == owning {
		resp, err := handler(ctx, req)
		if err == nil || !errors.Is(err, store.ErrClosed) {
			return resp, err
		}
		// The gate closed under it: it has changed nothing.
	}
	return l.route(ctx, req, info.FullMethod, handler)
}

// UnaryForwarded is the interceptor of calls that another process has forwarded: it runs
// them here, or refuses with the name of the owner. A call is forwarded once only.
func (l *Lease) UnaryForwarded(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if keys := metadata.ValueFromIncomingContext(ctx, forward.RetryKeyMetadata); len(keys) == 1 {
		ctx = store.WithRetryKey(ctx, []byte(keys[0]))
	}
	if l.view.Load().role == owning {
		resp, err := handler(ctx, req)
		if err == nil || !errors.Is(err, store.ErrClosed) {
			return resp, err
		}
	}
	_, owner := l.Owner()
	return nil, errNotHere.With(ownerMetadata, owner)
}

// Owner tells whether the process owns the store and, if not, who does as far as it
// knows.
func (l *Lease) Owner() (owns bool, instance string) {
	v := l.view.Load()
	if v.role == owning {
		return true, l.Self.Instance
	}
	return false, v.other()
}

// route runs a call at the owner, whoever that is by then.
func (l *Lease) route(ctx context.Context, req any, method string, handler grpc.UnaryHandler) (any, error) {
	message, ok := req.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("a request is a %T", req)
	}
	deadline := answerBy(ctx, time.Now())
	var limit time.Time // of its waiting; zero until it waits
	call := forward.Call{Method: method, Deadline: deadline, RequestID: observe.RequestID(ctx)}
	if sent := metadata.ValueFromIncomingContext(ctx, idempotency.Metadata); len(sent) > 0 {
		call.IdempotencyKey = sent[0] // it has been checked
	} else if call.RetryKey = retryKey(method); call.RetryKey != nil {
		ctx = store.WithRetryKey(ctx, call.RetryKey)
	}
	for {
		v := l.view.Load()
		switch v.role {
		case owning:
			resp, err := handler(ctx, req)
			if err == nil || !errors.Is(err, store.ErrClosed) {
				return resp, err
			}
		case forwarding:
			sent := time.Now()
			resp, err := l.forward(ctx, v.link, call, message)
			if errors.Is(err, forward.ErrLate) {
				return nil, l.late(v, sent, err)
			}
			next, lost, again := tryAgain(err)
			if !again {
				return resp, err
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			l.leave(v, next, lost)
			v = l.view.Load()
			found := v.role == owning || v.role == forwarding // meanwhile
			if found && (limit.IsZero() || time.Now().Before(limit)) {
				limit = waitUntil(limit, deadline)
				continue
			}
		case moving, searching:
		}
		limit = waitUntil(limit, deadline)
		if err := l.hold(ctx, v, proto.Size(message), limit); err != nil {
			return nil, err
		}
	}
}

// forward sends a call to the owner.
func (l *Lease) forward(ctx context.Context, k *link, call forward.Call, req proto.Message) (any, error) {
	l.forwarded.Add(1)
	reply := l.replies[call.Method].New().Interface()
	err := k.calls.Invoke(ctx, call, req, reply)
	if err == nil {
		k.answered.Store(time.Now().UnixNano())
		return reply, nil
	}
	return nil, err
}

// late gives the error of a call to the owner that view v forwards to, sent at a time, whose
// time ran out. If the owner has answered others of late, it is just slow with this one. If
// not, it may have been stopped, and it is asked whether it is there at all.
func (l *Lease) late(v *view, sent time.Time, err error) error {
	if v.link.answered.Load() > sent.Add(time.Since(sent)/2).UnixNano() {
		return apierr.ErrDeadline.Because(err)
	}
	l.doubt(v)
	return ErrNoOwner.Because(err)
}

// waitUntil gives how long a call may wait for an owner, from the first time that it has to.
func waitUntil(limit, deadline time.Time) time.Time {
	if !limit.IsZero() {
		return limit
	}
	if limit = time.Now().Add(maxHold); deadline.Before(limit) {
		return deadline
	}
	return limit
}

// tryAgain tells whether a forwarded call that ended with err is to be sent again: only
// if the process was not the owner, and then who may be, or if its connection was lost
// before the answer. An error of the handler's is none of these.
func tryAgain(err error) (next string, lost, again bool) {
	switch {
	case err == nil:
		return "", false, false
	case errors.Is(err, forward.ErrLost):
		return "", true, true
	}
	if st, ok := status.FromError(err); ok && apierr.ReasonOf(st) == notOwner {
		return named(st), false, true
	}
	return "", false, false
}

var notOwner = apierr.ReasonName(errorsv1.Reason_REASON_NOT_OWNER)

// named gives the owner that an error names, or "".
func named(st *status.Status) string {
	for _, d := range st.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == apierr.Domain {
			return info.GetMetadata()[ownerMetadata]
		}
	}
	return ""
}

// answerBy gives when a call must have been answered: shortly before its deadline.
func answerBy(ctx context.Context, now time.Time) time.Time {
	deadline, ok := ctx.Deadline()
	if !ok {
		return now.Add(maxHold)
	}
	return deadline.Add(-min(deadline.Sub(now)/10, maxMargin))
}

// retryKey makes the key under which a write that has none of its client's may be sent
// twice without being done twice, or nil for a read. Its first half is the time, so that
// neighbours in time are neighbours in the store.
func retryKey(method string) []byte {
	name := method[strings.LastIndexByte(method, '/')+1:]
	if strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List") {
		return nil // AIP-131 and AIP-132: methods without an effect
	}
	if failpoint.Off(failpoint.Keys) {
		return nil
	}
	key := make([]byte, 16)
	binary.BigEndian.PutUint64(key, uint64(time.Now().UnixNano()))
	_, _ = rand.Read(key[8:]) // never fails
	return key
}

// replyTypes gives the type of each method's answer, by the method's full name.
func replyTypes(desc *grpc.ServiceDesc) (map[string]protoreflect.MessageType, error) {
	types := make(map[string]protoreflect.MessageType, len(desc.Methods))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(desc.ServiceName))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", desc.ServiceName, err)
	}
	service, ok := d.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", desc.ServiceName)
	}
	for i := range service.Methods().Len() {
		m := service.Methods().Get(i)
		t, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.FullName(), err)
		}
		types["/"+desc.ServiceName+"/"+string(m.Name())] = t
	}
	return types, nil
}
