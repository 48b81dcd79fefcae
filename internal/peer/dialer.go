package peer

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A dialer connects to a target. It looks the target's name up on every connect, in
// resolver.
type dialer struct {
	resolver *net.Resolver
	newest   sync.Map // where a name's newest connection went
}

func (d *dialer) dial(ctx context.Context, target string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if name, ok := strings.CutPrefix(target, srvPrefix); ok {
		return d.dialSRV(ctx, name)
	}
	return d.dialHost(ctx, target)
}

func (d *dialer) dialHost(ctx context.Context, addr string) (net.Conn, error) {
	tcp := net.Dialer{Resolver: d.resolver}
	return tcp.DialContext(ctx, "tcp", addr)
}

// dialSRV connects to the first that answers of those that a name's records list, tried
// in the order of RFC 2782.
func (d *dialer) dialSRV(ctx context.Context, name string) (net.Conn, error) {
	records, err := d.lookup(ctx, name)
	if err != nil {
		return nil, err
	}
	// That connection is over, or nobody spoke there: a proxy may take one for a program
	// that is gone. So its record comes last.
	newest, _ := d.newest.Load(name)
	slices.SortStableFunc(records, func(a, b *net.SRV) int {
		switch newest {
		case hostPort(a):
			return 1
		case hostPort(b):
			return -1
		}
		return 0
	})
	for i, r := range records {
		var conn net.Conn
		// One that is gone without a trace leaves time for those after it.
		if conn, err = d.dialIn(ctx, len(records)-i, r); err == nil {
			d.newest.Store(name, hostPort(r))
			return conn, nil
		}
	}
	return nil, fmt.Errorf("%s has %d SRV records, and none leads anywhere; the last: %w", name, len(records), err)
}

// dialIn connects to r in the n-th part of ctx's time.
func (d *dialer) dialIn(ctx context.Context, n int, r *net.SRV) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(n))
		defer cancel()
	}
	return d.dialHost(ctx, hostPort(r))
}

func hostPort(r *net.SRV) string { return net.JoinHostPort(r.Target, strconv.Itoa(int(r.Port))) }

// lookup gives a name's records, sorted by priority and shuffled by weight.
func (d *dialer) lookup(ctx context.Context, name string) ([]*net.SRV, error) {
	// With the root's dot the name is whole: the machine's search domains are not tried.
	_, records, err := d.resolver.LookupSRV(ctx, "", "", strings.TrimSuffix(name, ".")+".")
	// RFC 2782: the root as its target says that there is no such service.
	records = slices.DeleteFunc(records, func(r *net.SRV) bool { return r.Target == "." })
	switch {
	case len(records) > 0: // err, if any, is about malformed ones, which are left out
		return records, nil
	case err != nil:
		return nil, err
	}
	return nil, fmt.Errorf("%s has no SRV record that names a host", name)
}
