package peer

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usersv1 "github.com/splitboard/splitboard/gen/splitboard/users/v1"
)

// hollow gives an address where connections are taken and nobody speaks, as a proxy of
// ports takes them for a program that is not there: it hangs up at once, or, where the way
// to the program is silent, does not even do that. It also tells how many it took.
func hollow(t *testing.T, hangsUp bool) (string, *atomic.Int32) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	taken := new(atomic.Int32)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			taken.Add(1)
			if hangsUp {
				_ = conn.Close()
			} else {
				t.Cleanup(func() { _ = conn.Close() })
			}
		}
	}()
	return ln.Addr().String(), taken
}

// To take a connection is not to answer: only a gRPC server's first words are. Without
// them the next target is used, for the very first call and for a write, which nobody
// tries again.
func TestHollowTarget(t *testing.T) {
	for what, hangsUp := range map[string]bool{"hangs up": true, "is silent": false} {
		for _, named := range []bool{false, true} {
			t.Run(what+map[bool]string{false: ", by address", true: ", by name"}[named], func(t *testing.T) {
				t.Parallel()
				dns := newNames(t)
				first, taken := hollow(t, hangsUp)
				second, _ := (&users{name: "second"}).start(t, "127.0.0.1:0")
				targets := first + "," + second
				if named {
					dns.set("users.internal", record(t, first, 1, 1))
					dns.set("api.internal", record(t, second, 1, 1))
					targets = "srv:users.internal,srv:api.internal"
				}
				start := time.Now()
				resp, err := client(t, targets, dns.resolver()).CreateUser(t.Context(), &usersv1.CreateUserRequest{})
				if err != nil || resp.GetUser().GetName() != "second" {
					t.Fatalf("%q answers, %v", resp.GetUser().GetName(), err)
				}
				if took := time.Since(start); took > time.Second || taken.Load() == 0 {
					t.Errorf("the second answers after %v, and the first took %d connections", took, taken.Load())
				}
			})
		}
	}
}

// Of a name's records one is enough: the next connect leaves the one for last that led
// nowhere, so that gRPC's own retries of a first read find the other.
func TestHollowRecord(t *testing.T) {
	dns := newNames(t)
	dead, taken := hollow(t, true)
	alive, _ := (&users{name: "alive"}).start(t, "127.0.0.1:0")
	backup, _ := (&users{name: "backup"}).start(t, "127.0.0.1:0")
	dns.set("users.internal", record(t, dead, 1, 1), record(t, alive, 1, 1))
	dns.set("api.internal", record(t, backup, 1, 1))

	var wg sync.WaitGroup
	for range 40 {
		c := client(t, "srv:users.internal", dns.resolver())
		wg.Go(func() {
			if name, err := get(t.Context(), c); err != nil || name != "alive" {
				t.Errorf("%q answers, %v", name, err)
			}
		})
	}
	wg.Wait()
	// Chance alone leaves it out less than once in 10^12.
	if taken.Load() == 0 {
		t.Error("the dead one was never tried")
	}

	// Nor is a better one in the way for ever.
	dns.set("users.internal", record(t, dead, 1, 1), record(t, alive, 2, 1))
	if name, err := get(t.Context(), client(t, "srv:users.internal", dns.resolver())); err != nil || name != "alive" {
		t.Errorf("behind a better one that is dead: %q, %v", name, err)
	}
	dns.set("users.internal", record(t, dead, 1, 1), record(t, alive, 1, 1))

	// With a second choice no call fails, whichever the first one is.
	seen := make(map[string]int)
	for range 40 {
		c := client(t, "srv:users.internal,srv:api.internal", dns.resolver())
		resp, err := c.CreateUser(t.Context(), &usersv1.CreateUserRequest{})
		if err != nil {
			t.Fatal(err)
		}
		seen[resp.GetUser().GetName()]++
	}
	if seen["alive"] == 0 || seen["backup"] == 0 {
		t.Errorf("they got %v", seen)
	}

	// The control: nobody is alive.
	dns.set("users.internal", record(t, dead, 1, 1), record(t, dead, 1, 2))
	if _, err := get(t.Context(), client(t, "srv:users.internal", dns.resolver())); status.Code(err) != codes.Unavailable {
		t.Errorf("nobody is alive: %v", err)
	}
}
