package peer

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"github.com/splitboard/splitboard/internal/observe"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
	threadsv1 "github.com/splitboard/splitboard/gen/splitboard/threads/v1"
	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

const (
	// DefaultTimeout bounds a call whose context has no deadline.
	DefaultTimeout = 5 * time.Second
	// KeepaliveTime is how long a connection is silent before it is probed. Servers
	// must allow it.
	KeepaliveTime = 10 * time.Second

	maxAnswer        = 16 << 20 // a page ends after 2 MiB of resources
	connectTimeout   = time.Second
	keepaliveTimeout = 2 * time.Second
)

// Dial returns a connection to the first of targets that answers: a comma-separated
// list of host:port and srv:NAME in order of preference. caller names the process that
// asks, as in "splitboard-posts/v1.2.3". Nothing is looked up or connected before the
// first call.
func Dial(targets, caller string) (*grpc.ClientConn, error) {
	return dial(targets, caller, net.DefaultResolver)
}

func dial(targets, caller string, names *net.Resolver) (*grpc.ClientConn, error) {
	addresses, err := parse(targets)
	if err != nil {
		return nil, err
	}
	// The addresses go to the dialer as they are, and it looks the name up on every
	// connect: gRPC's own resolver would keep the first answer while it works.
	list := manual.NewBuilderWithScheme("splitboard")
	list.InitialState(resolver.State{Addresses: addresses})
	d := &dialer{resolver: names}
	// What calls name as their authority is a host, with or without a port.
	authority := strings.TrimPrefix(addresses[0].Addr, srvPrefix)
	return grpc.NewClient("splitboard:///"+authority,
		grpc.WithResolvers(list),
		// A dialer of our own also means that no proxy from the environment is used.
		grpc.WithContextDialer(d.dial),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(serviceConfig),
		grpc.WithConnectParams(grpc.ConnectParams{
			// gRPC's default waits 1 s and more after a lost connection.
			Backoff: backoff.Config{
				BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2,
				// The jitter comes on top: no wait is over 500 ms.
				MaxDelay: 400 * time.Millisecond,
			},
			MinConnectTimeout: connectTimeout,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{
			Time: KeepaliveTime, Timeout: keepaliveTimeout, PermitWithoutStream: true,
		}),
		// Idle or not, a connection stays: the first write after a quiet night should
		// not pay for connecting.
		grpc.WithIdleTimeout(0),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithUserAgent(caller),
		grpc.WithUnaryInterceptor(outgoing),
	)
}

// outgoing gives every call the request id of the request that it serves, and a
// deadline.
func outgoing(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultTimeout)
		defer cancel()
	}
	return invoke(observe.NewOutgoing(ctx), method, req, reply, cc, opts...)
}

// serviceConfig says which calls gRPC tries again by itself: reads that met an
// unavailable server. Four tries take about 0.4 s, inside the second that a write has
// to ask its peers; the throttle stops them while most calls fail.
var serviceConfig = func() string {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method,omitempty"`
	}
	names := []name{{Service: grpc_health_v1.Health_ServiceDesc.ServiceName, Method: "Check"}}
	for _, d := range []grpc.ServiceDesc{usersv1.UsersService_ServiceDesc, threadsv1.ThreadsService_ServiceDesc, postsv1.PostsService_ServiceDesc} {
		for _, m := range d.Methods {
			if strings.HasPrefix(m.MethodName, "Get") || strings.HasPrefix(m.MethodName, "List") {
				names = append(names, name{Service: d.ServiceName, Method: m.MethodName})
			}
		}
	}
	config := map[string]any{
		"loadBalancingConfig": []any{map[string]any{"pick_first": struct{}{}}},
		"methodConfig": []any{map[string]any{
			"name": names,
			"retryPolicy": map[string]any{
				"maxAttempts":          4,
				"initialBackoff":       "0.05s",
				"maxBackoff":           "0.2s",
				"backoffMultiplier":    2,
				"retryableStatusCodes": []string{"UNAVAILABLE"},
			},
		}},
		"retryThrottling": map[string]any{"maxTokens": 100, "tokenRatio": 0.5},
	}
	b, err := json.Marshal(config)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return string(b)
}()
