package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/observe"
	"github.com/splitboard/splitboard/internal/peer"
)

// Limits of the gRPC listeners.
const (
	// maxGRPCConns is lower than HTTP's: callers are a few processes that each keep one
	// connection, which costs more memory.
	maxGRPCConns = 128
	maxStreams   = 64 // in progress on one connection
	// maxMessage is REST's 1 MiB body, and room for how protobuf writes it.
	maxMessage        = 1<<20 + 64<<10
	connectionTimeout = 10 * time.Second
	// maxConnectionAge makes clients connect again now and then: only then do they
	// look the name up, and find servers that were added.
	maxConnectionAge = 5 * time.Minute
	// A client that is silent this long is probed, and given up after the timeout.
	serverKeepalive        = 30 * time.Second
	serverKeepaliveTimeout = 10 * time.Second
)

// A grpcServer serves gRPC on the network or on a unix socket.
type grpcServer struct {
	server   *grpc.Server
	stopping context.Context // ends the streams when stop is called
	halt     context.CancelFunc
}

// newNetworkServer returns a server for a network port.
func newNetworkServer(c *chain, access *observe.AccessLog, answers *budget.Budget) *grpcServer {
	held := &heldAnswers{answers}
	return newGRPCServer(c,
		grpc.StatsHandler(access.StatsHandler()),
		grpc.StatsHandler(held),
		grpc.ChainUnaryInterceptor(observe.AnswerRequestID, held.unary, c.unary),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: maxConnectionAge, MaxConnectionAgeGrace: maxTimeout,
			Time: serverKeepalive, Timeout: serverKeepaliveTimeout,
		}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{
			MinTime: peer.KeepaliveTime / 2, PermitWithoutStream: true,
		}),
	)
}

// newSocketServer returns a server for the operator's calls, which come over the unix
// sockets.
func newSocketServer(c *chain) *grpcServer {
	return newGRPCServer(c,
		grpc.StatsHandler(observe.RequestIDs()),
		grpc.ChainUnaryInterceptor(c.unary),
		grpc.MaxConcurrentStreams(maxStreams),
	)
}

func newGRPCServer(c *chain, of ...grpc.ServerOption) *grpcServer {
	stopping, halt := context.WithCancel(context.Background())
	return &grpcServer{stopping: stopping, halt: halt, server: grpc.NewServer(append(of,
		grpc.StreamInterceptor(c.stream(stopping)),
		grpc.UnknownServiceHandler(unknown),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxHeaderListSize(maxHeader),
		grpc.ConnectionTimeout(connectionTimeout),
		// The store is closed after Stop, never under a handler.
		grpc.WaitForHandlers(true),
	)...)}
}

// enableHealth registers health, which says NOT_SERVING for now, and reflection.
func (g *grpcServer) enableHealth(services []Service) *health.Server {
	h := health.NewServer()
	h.SetServingStatus("", healthv1.HealthCheckResponse_NOT_SERVING)
	for _, s := range services {
		h.SetServingStatus(s.Desc.ServiceName, healthv1.HealthCheckResponse_NOT_SERVING)
	}
	healthv1.RegisterHealthServer(g.server, h)
	reflection.Register(g.server)
	return h
}

// setServing makes health say that all services serve.
func setServing(h *health.Server, services []Service) {
	for _, s := range services {
		h.SetServingStatus(s.Desc.ServiceName, healthv1.HealthCheckResponse_SERVING)
	}
	h.SetServingStatus("", healthv1.HealthCheckResponse_SERVING)
}

// serve serves until stop.
func (g *grpcServer) serve(ln net.Listener) error {
	err := g.server.Serve(netutil.LimitListener(ln, maxGRPCConns))
	if errors.Is(err, grpc.ErrServerStopped) {
		return nil
	}
	return err
}

// stop stops listening and waits for the calls in progress; when ctx ends it breaks
// them off.
func (g *grpcServer) stop(ctx context.Context, log *slog.Logger) error {
	g.halt()
	done := make(chan struct{})
	go func() { g.server.GracefulStop(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	log.Warn("gRPC calls are broken off", "error", ctx.Err())
	stopped := make(chan struct{})
	go func() { g.server.Stop(); close(stopped) }()
	select {
	case <-stopped:
		<-done
		return nil
	case <-time.After(abortGrace):
		return errors.New("some gRPC calls do not end")
	}
}
