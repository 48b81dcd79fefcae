package inproc

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/splitboard/splitboard/internal/apierr"
)

// Conn is a connection to the services registered with it. All of them must be
// registered before the first call.
type Conn struct {
	chain   grpc.UnaryServerInterceptor
	methods map[string]method // by full name, as "/splitboard.users.v1.UsersService/GetUser"
}

type method struct {
	server  any
	handler grpc.MethodHandler
}

var (
	_ grpc.ServiceRegistrar    = (*Conn)(nil)
	_ grpc.ClientConnInterface = (*Conn)(nil)
)

// New returns a connection whose calls run through chain, which may be nil.
func New(chain grpc.UnaryServerInterceptor) *Conn {
	return &Conn{chain: chain, methods: make(map[string]method)}
}

// RegisterService registers a service and its implementation. It panics where
// [grpc.Server] would end the program: on a second registration, and on a server
// that does not implement the service.
func (c *Conn) RegisterService(desc *grpc.ServiceDesc, server any) {
	if want := reflect.TypeOf(desc.HandlerType).Elem(); !reflect.TypeOf(server).Implements(want) {
		panic(fmt.Sprintf("inproc: %T does not implement %s", server, want))
	}
	for _, m := range desc.Methods {
		name := "/" + desc.ServiceName + "/" + m.MethodName
		if _, ok := c.methods[name]; ok {
			panic("inproc: " + name + " is registered twice")
		}
		c.methods[name] = method{server: server, handler: m.Handler}
	}
}

// Invoke calls a method and returns when its handler has returned.
func (c *Conn) Invoke(ctx context.Context, name string, args, reply any, opts ...grpc.CallOption) error {
	if err := ctx.Err(); err != nil {
		return finish(opts, nil, status.FromContextError(err).Err())
	}
	m, ok := c.methods[name]
	if !ok {
		return finish(opts, nil, c.unknown(name))
	}
	s := &stream{method: name, request: args}
	response, err := m.handler(m.server, s.context(ctx), s.receive, c.chain)
	if err == nil {
		err = handOver(reply, response)
	}
	return finish(opts, s, asStatus(err))
}

// Serve runs a method on a request that came from another process in its wire format. The
// handler's incoming metadata is md, which may be nil. It returns the response, or the
// error as a status.
func (c *Conn) Serve(ctx context.Context, name string, wire []byte, md metadata.MD) (proto.Message, error) {
	m, ok := c.methods[name]
	if !ok {
		return nil, c.unknown(name)
	}
	s := &stream{method: name}
	if md != nil {
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	ctx = grpc.NewContextWithServerTransportStream(peer.NewContext(ctx, self), s)
	response, err := m.handler(m.server, ctx, func(into any) error { return unmarshal(wire, into) }, c.chain)
	if err != nil {
		return nil, asStatus(err)
	}
	message, ok := response.(proto.Message)
	if !ok {
		return nil, status.Errorf(codes.Internal, "inproc: %T is not a message", response)
	}
	return message, nil
}

// NewStream refuses: the board has no streaming methods.
func (c *Conn) NewStream(_ context.Context, _ *grpc.StreamDesc, name string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "streaming is not supported in process: "+name)
}

// unknown gives the error of a method that nobody registered, worded as
// [grpc.Server] words it.
func (c *Conn) unknown(name string) error {
	service, method, _ := strings.Cut(strings.TrimPrefix(name, "/"), "/")
	for known := range c.methods {
		if strings.HasPrefix(known, "/"+service+"/") {
			return status.Errorf(codes.Unimplemented, "unknown method %s for service %s", method, service)
		}
	}
	return status.Errorf(codes.Unimplemented, "unknown service %s", service)
}

// asStatus turns what a handler or interceptor returned into the error that a
// client's end of a network connection would return.
func asStatus(err error) error {
	if err == nil {
		return nil
	}
	st, ok := status.FromError(err)
	if !ok {
		st = apierr.Status(err)
	}
	return st.Err()
}

// finish does what the call options ask for at the end of a call. The stream is
// nil if the call never reached a handler.
func finish(opts []grpc.CallOption, s *stream, err error) error {
	for _, opt := range opts {
		switch o := opt.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = s.sentHeader()
		case grpc.TrailerCallOption:
			*o.TrailerAddr = s.sentTrailer()
		case grpc.PeerCallOption:
			*o.PeerAddr = *self
		case grpc.OnFinishCallOption:
			o.OnFinish(err)
		}
	}
	return err
}

// self is the peer that both ends of a call in process see.
var self = &peer.Peer{Addr: addr{}}

type addr struct{}

func (addr) Network() string { return "inproc" }
func (addr) String() string  { return "inproc" }

// context gives the handler's context: the caller's, with the call's own stream,
// peer and metadata in place of any that belong to a call around it.
func (s *stream) context(ctx context.Context) context.Context {
	md, sent := metadata.FromOutgoingContext(ctx)
	if sent {
		// What a handler sends on is its own choice, never what it was sent.
		ctx = metadata.NewOutgoingContext(ctx, nil)
	}
	if !sent {
		_, sent = metadata.FromIncomingContext(ctx)
	}
	if sent {
		ctx = metadata.NewIncomingContext(ctx, md)
	}
	return grpc.NewContextWithServerTransportStream(peer.NewContext(ctx, self), s)
}
