package admin

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/splitboard/splitboard/internal/lease"
)

// An Answer is what a process has answered, or why it has not.
type Answer[T any] struct {
	Instance string
	Value    T
	Err      error
}

// AskAll asks every process that has a socket in a service's data folder, all at once, and
// gives what each has answered within the timeout: the one that is said to be the owner
// first. Sockets on which nobody listens are passed over.
func AskAll[T any](ctx context.Context, dir string, timeout time.Duration, ask func(context.Context, *Client) (T, error)) []Answer[T] {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	paths := lease.Sockets(dir)
	answers := make([]*Answer[T], len(paths))
	var asking sync.WaitGroup
	for i, path := range paths {
		asking.Go(func() {
			c, err := dialLiving(path, timeout)
			if c == nil && err == nil {
				return
			}
			a := &Answer[T]{Instance: lease.InstanceOf(path), Err: err}
			if err == nil {
				a.Value, err = ask(ctx, c)
				a.Err = errors.Join(err, c.Close())
			}
			answers[i] = a
		})
	}
	asking.Wait()
	var list []Answer[T]
	for _, a := range answers {
		if a != nil {
			list = append(list, *a)
		}
	}
	return list
}

// dialLiving connects to a socket. It gives nil if nobody listens there.
func dialLiving(path string, timeout time.Duration) (*Client, error) {
	living, err := lease.Listens(path, timeout)
	if !living || err != nil {
		return nil, err
	}
	return dialSocket(path)
}
