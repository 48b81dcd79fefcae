package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/lease"

	adminv1 "github.com/splitboard/splitboard/gen/splitboard/admin/v1"
	errorsv1 "github.com/splitboard/splitboard/gen/splitboard/errors/v1"
)

// Errors of asking.
var (
	// ErrNotServed says that no process owns a folder's store.
	ErrNotServed = errors.New("no process serves this store")
	// ErrMoved says that a process gave the store up before it had sent anything.
	ErrMoved = errors.New("the store is moving to another process; try again")
)

const (
	// askTimeout bounds the question whether a process owns a store. One that was
	// stopped does not answer.
	askTimeout = time.Second
	// nextOwner is how long the owner is looked for while there are processes and none
	// of them owns the store: it may be moving from one to another.
	nextOwner = time.Second
	// askAgain is how often.
	askAgain = 10 * time.Millisecond
)

// A Client asks one running process.
type Client struct {
	// Instance is the process's.
	Instance string
	conn     *grpc.ClientConn
	rpc      adminv1.AdminServiceClient
}

// DialOwner connects to the process that owns a service's store in its data folder. While
// the store moves it waits for the next owner. It returns ErrNotServed if there is none,
// or why it cannot be reached.
func DialOwner(ctx context.Context, dir, service string) (*Client, error) {
	if err := Reachable(dir); err != nil {
		return nil, err
	}
	again := time.NewTicker(askAgain)
	defer again.Stop()
	for limit := time.Now().Add(nextOwner); ; {
		owner, anybody, err := findOwner(ctx, dir, service)
		if owner != nil || !anybody || time.Now().After(limit) {
			return owner, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, err
		}
	}
}

// Reachable tells why nobody can be asked about the store in a folder, whatever runs: the
// folder cannot be read. If it is not there at all, that is ErrNotServed.
func Reachable(dir string) error {
	_, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w: there is no folder %s", ErrNotServed, dir)
	}
	return err
}

// findOwner gives a client of the process that owns a store. It also tells whether
// anybody has a socket.
func findOwner(ctx context.Context, dir, service string) (owner *Client, anybody bool, err error) {
	err = ErrNotServed
	answers := AskAll(ctx, dir, askTimeout, func(ctx context.Context, c *Client) (bool, error) {
		resp, err := c.rpc.GetOwner(ctx, &adminv1.GetOwnerRequest{Service: service})
		return resp.GetOwning(), readable(err)
	})
	for _, a := range answers {
		if a.Value {
			owner, err := dialSocket(lease.SocketPath(dir, a.Instance))
			return owner, true, err
		}
		if a.Err != nil {
			err = fmt.Errorf("instance %s: %w", a.Instance, a.Err)
		}
	}
	return nil, len(answers) > 0, err
}

func dialSocket(path string) (*Client, error) {
	conn, err := lease.DialSocket(path)
	if err != nil {
		return nil, err
	}
	return &Client{Instance: lease.InstanceOf(path), conn: conn, rpc: adminv1.NewAdminServiceClient(conn)}, nil
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// Status asks how the process is.
func (c *Client) Status(ctx context.Context) (*adminv1.GetStatusResponse, error) {
	resp, err := c.rpc.GetStatus(ctx, &adminv1.GetStatusRequest{})
	return resp, readable(err)
}

// Backup writes a consistent copy of a store to w. It returns ErrMoved, with nothing
// written, if the process is giving the store up. If it fails otherwise, w has received a
// part that is of no use.
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
		if apierr.ReasonOf(status.Convert(err)) == apierr.ReasonName(errorsv1.Reason_REASON_NOT_OWNER) {
			return ErrMoved
		}
		if err != nil {
			return readable(err)
		}
		if _, err := w.Write(resp.GetChunk()); err != nil {
			return err
		}
	}
}

// HandOff asks the process, which must own a store, to move it to another. step is
// called when each step is done.
func (c *Client) HandOff(ctx context.Context, service, to string, dryRun bool, step func(*adminv1.HandoffResponse)) error {
	stream, err := c.rpc.Handoff(ctx, &adminv1.HandoffRequest{Service: service, To: to, DryRun: dryRun})
	if err != nil {
		return err
	}
	for {
		resp, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		step(resp)
	}
}

// Holds asks how long requests were held that were let go at since or later.
func (c *Client) Holds(ctx context.Context, service string, since time.Time) ([]time.Duration, error) {
	resp, err := c.rpc.ListHolds(ctx, &adminv1.ListHoldsRequest{Service: service, StartTime: timestamppb.New(since)})
	if err != nil {
		return nil, readable(err)
	}
	holds := make([]time.Duration, 0, len(resp.GetHolds()))
	for _, h := range resp.GetHolds() {
		holds = append(holds, h.AsDuration())
	}
	return holds, nil
}

// readable gives an RPC's error as the operator should read it.
func readable(err error) error {
	if err == nil {
		return nil
	}
	st := status.Convert(err)
	if st.Code() == codes.DeadlineExceeded {
		return errors.New("it does not answer; it may have been stopped")
	}
	return fmt.Errorf("the serving process says %s: %s", st.Code(), st.Message())
}
