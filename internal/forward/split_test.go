package forward_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/splitboard/splitboard/internal/budget"
	"github.com/splitboard/splitboard/internal/forward"
)

// both is a socket with gRPC and a server for forwarded calls.
type both struct {
	path  string
	grpc  *grpc.Server
	calls *forward.Server
}

func serveBoth(t *testing.T) *both {
	t.Helper()
	ln, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	b := &both{path: ln.Addr().String(), grpc: grpc.NewServer(), calls: forward.NewServer(echo, slog.New(slog.DiscardHandler), budget.New(forward.MaxHeldAnswers))}
	healthv1.RegisterHealthServer(b.grpc, health.NewServer())
	rest, calls := forward.Split(ln)
	ended := make(chan error, 2)
	go func() { ended <- b.grpc.Serve(rest) }()
	go func() { ended <- b.calls.Serve(calls) }()
	t.Cleanup(func() {
		b.grpc.Stop()
		if err := b.calls.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		for range cap(ended) {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		if _, err := net.Dial("unix", b.path); err == nil {
			t.Error("it is still listening")
		}
	})
	return b
}

func (b *both) health(t *testing.T) error {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+b.path, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return err
}

func TestBothProtocols(t *testing.T) {
	t.Parallel()
	b := serveBoth(t)
	if err := b.health(t); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	c := dial(t, b.path)
	if u, err := get(t.Context(), c, 5); err != nil || u.GetId() != 5 {
		t.Errorf("a call: %v, %v", u, err)
	}
	// One of them stops.
	stopped := make(chan struct{})
	go func() { b.grpc.GracefulStop(); close(stopped) }()
	wait(t, "GracefulStop", stopped)
	if u, err := get(t.Context(), dial(t, b.path), 6); err != nil || u.GetId() != 6 {
		t.Errorf("a call after gRPC's end: %v, %v", u, err)
	}
	conn, err := net.Dial("unix", b.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "PRI * HTTP/2.0"); err != nil {
		t.Fatal(err)
	}
	wantEnd(t, conn)
}

// wantEnd waits until the other end closes a connection.
func wantEnd(t *testing.T, conn net.Conn) {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(soon)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); errors.Is(err, context.DeadlineExceeded) || err == nil {
		t.Errorf("the connection is not closed: %v", err)
	}
}

func TestCallsStopFirst(t *testing.T) {
	t.Parallel()
	b := serveBoth(t)
	if err := b.calls.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), dial(t, b.path), 1); !errors.Is(err, forward.ErrLost) {
		t.Errorf("a call: %v", err)
	}
	if err := b.health(t); err != nil {
		t.Errorf("gRPC: %v", err)
	}
}

// Who says nothing holds up nobody, and is left alone in the end.
func TestSilentClients(t *testing.T) {
	t.Parallel()
	b := serveBoth(t)
	c := dial(t, b.path)
	// On a busy machine it may take a few attempts to be faster than the time limit.
	eventually(t, "a call that silent clients do not hold up", func() bool {
		began := time.Now()
		silent := dialSilent(t, b.path, forward.MaxUndecided-1)
		_, err := get(t.Context(), dial(t, b.path), 1)
		took := time.Since(began)
		for _, conn := range silent {
			wantEnd(t, conn)
		}
		return err == nil && took < forward.DecideWithin
	})
	// When as many are undecided as may, others wait until they are left.
	silent := dialSilent(t, b.path, forward.MaxUndecided+1)
	if err := b.health(t); err != nil {
		t.Error(err)
	}
	if _, err := get(t.Context(), c, 1); err != nil {
		t.Error(err)
	}
	for _, conn := range silent {
		wantEnd(t, conn)
	}
}

// dialSilent makes connections that do not say what they are.
func dialSilent(t *testing.T, path string, n int) []net.Conn {
	t.Helper()
	silent := make([]net.Conn, n)
	for i := range silent {
		conn, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if _, err := io.WriteString(conn, "SBF"[:i%4]); err != nil {
			t.Fatal(err)
		}
		silent[i] = conn
	}
	return silent
}

func TestSplitEnds(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("unix", socketPath(t))
	if err != nil {
		t.Fatal(err)
	}
	rest, calls := forward.Split(ln)
	if rest.Addr().String() != ln.Addr().String() {
		t.Errorf("the address is %v", rest.Addr())
	}
	// Nobody accepts this one.
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "SBF1"); err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error)
	go func() { _, err := rest.Accept(); accepted <- err }()
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	wantEnd(t, conn)
	if _, err := calls.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	for _, half := range []net.Listener{rest, calls} {
		if err := half.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	}
}
