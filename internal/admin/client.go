package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
)

// ErrNotServed says that no process serves a folder's store.
var ErrNotServed = errors.New("no process serves this store")

// dialTimeout bounds the connecting to a socket of this machine.
const dialTimeout = time.Second

// A Client asks one running process.
type Client struct {
	conn *grpc.ClientConn
	rpc  adminv1.AdminServiceClient
}

// Dial connects to the process that listens in a service's data folder. It returns
// ErrNotServed if there is none, or why it cannot be reached.
func Dial(ctx context.Context, dir string) (*Client, error) {
	for _, path := range lease.Sockets(dir) {
		d := net.Dialer{Timeout: dialTimeout}
		probe, err := d.DialContext(ctx, "unix", path)
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) {
			// Left by a process that was killed, or just removed.
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := probe.Close(); err != nil {
			return nil, err
		}
		return dialSocket(path)
	}
	return nil, ErrNotServed
}

func dialSocket(path string) (*Client, error) {
	// The path goes to a dialer, because in a target some characters would need
	// escapes.
	conn, err := grpc.NewClient("passthrough:///localhost",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, rpc: adminv1.NewAdminServiceClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Status asks how the process is.
func (c *Client) Status(ctx context.Context) (*adminv1.GetStatusResponse, error) {
	resp, err := c.rpc.GetStatus(ctx, &adminv1.GetStatusRequest{})
	return resp, readable(err)
}

// Backup writes a consistent copy of a store to w. If it fails, w has received a part
// that is of no use.
func (c *Client) Backup(ctx context.Context, service string, w io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.rpc.Backup(ctx, &adminv1.BackupRequest{Service: service})
	if err != nil {
		return readable(err)
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return readable(err)
		}
		if _, err := w.Write(resp.GetChunk()); err != nil {
			return err
		}
	}
}

// readable gives an RPC's error as the operator should read it.
func readable(err error) error {
	if err == nil {
		return nil
	}
	st := status.Convert(err)
	return fmt.Errorf("the serving process says %s: %s", st.Code(), st.Message())
}
