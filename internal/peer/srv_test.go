package peer

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// names is a DNS server on a loopback port: SRV records by name, and 127.0.0.1 for every
// host. A name that it does not know does not exist.
type names struct {
	conn net.PacketConn

	mu    sync.Mutex
	srv   map[string][]dnsmessage.SRVResource
	asked map[string]int // how often, by name
	mute  bool           // it does not answer
}

func newNames(t *testing.T) *names {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	n := &names{conn: conn, srv: make(map[string][]dnsmessage.SRVResource), asked: make(map[string]int)}
	go n.serve()
	return n
}

// resolver asks n.
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", n.conn.LocalAddr().String())
	}}
}

// set makes records the name's own.
func (n *names) set(name string, records ...dnsmessage.SRVResource) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.srv[name+"."] = records
}

func (n *names) count(name string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked[name+"."]
}

func (n *names) serve() {
	packet := make([]byte, 1500)
	for {
		size, from, err := n.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(packet[:size]) != nil || len(query.Questions) != 1 {
			continue
		}
		if answer, ok := n.answer(query.ID, query.Questions[0]); ok {
			_, _ = n.conn.WriteTo(answer, from)
		}
	}
}

func (n *names) answer(id uint16, q dnsmessage.Question) ([]byte, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked[q.Name.String()]++
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, Response: true, Authoritative: true},
		Questions: []dnsmessage.Question{q},
	}
	header := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: dnsmessage.ClassINET}
	records, known := n.srv[q.Name.String()]
	switch {
	case q.Type == dnsmessage.TypeSRV && known:
		for _, r := range records {
			m.Answers = append(m.Answers, dnsmessage.Resource{Header: header, Body: &r})
		}
	case q.Type == dnsmessage.TypeA && strings.HasPrefix(q.Name.String(), "host-"):
		m.Answers = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	case q.Type == dnsmessage.TypeAAAA && strings.HasPrefix(q.Name.String(), "host-"):
	default:
		m.RCode = dnsmessage.RCodeNameError
	}
	b, err := m.Pack()
	return b, err == nil && !n.mute
}

// record says that a task is at addr, with the priority and weight.
func record(t *testing.T, addr string, priority, weight uint16) dnsmessage.SRVResource {
	t.Helper()
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return dnsmessage.SRVResource{
		Priority: priority, Weight: weight,
		Port: uint16(a.Port), Target: dnsmessage.MustNewName(fmt.Sprintf("host-%d.internal.", a.Port)),
	}
}

// unused gives an address at which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// A connection goes to the service that the records name, to the next target while there
// is none, and after that to wherever the service is by then.
func TestSRVPreference(t *testing.T) {
	dns := newNames(t)
	first, second := &users{name: "first"}, &users{name: "second"}
	addr1, stop1 := first.start(t, "127.0.0.1:0")
	addr2, stop2 := second.start(t, "127.0.0.1:0")
	dns.set("users.internal", record(t, addr1, 1, 1))
	dns.set("api.internal", record(t, addr2, 1, 1))
	c := client(t, "srv:users.internal,srv:api.internal", dns.resolver())
	want := func(name string) {
		t.Helper()
		if got, err := get(t.Context(), c); err != nil || got != name {
			t.Fatalf("%q answers, %v; want %q", got, err, name)
		}
	}
	for range 10 {
		want("first")
	}
	if md := *first.md.Load(); len(md.Get(":authority")) != 1 || md.Get(":authority")[0] != "users.internal" {
		t.Errorf("the authority is %q", md.Get(":authority"))
	}
	if n := dns.count("api.internal"); n != 0 {
		t.Errorf("the second choice was looked up %d times while the first is there", n)
	}
	if n := dns.count("users.internal"); n != 1 {
		t.Errorf("the first choice was looked up %d times for one connection", n)
	}

	// The task ends, and its record stays for a while.
	stop1()
	want("second")
	// A task replaces it, at another port; the second choice ends.
	addr3, _ := (&users{name: "third"}).start(t, "127.0.0.1:0")
	dns.set("users.internal", record(t, addr3, 1, 1))
	want("second")
	dns.set("api.internal")
	stop2()
	want("third")
}

// An address takes its turn in a list with names.
func TestSRVBesideAddresses(t *testing.T) {
	dns := newNames(t)
	addr, _ := (&users{name: "address"}).start(t, "127.0.0.1:0")
	named, stop := (&users{name: "named"}).start(t, "127.0.0.1:0")
	dns.set("users.internal", record(t, named, 1, 1))
	if got, err := get(t.Context(), client(t, addr+",srv:users.internal", dns.resolver())); err != nil || got != "address" {
		t.Errorf("%q answers, %v", got, err)
	}
	c := client(t, "srv:users.internal,"+addr, dns.resolver())
	if got, err := get(t.Context(), c); err != nil || got != "named" {
		t.Errorf("%q answers, %v", got, err)
	}
	stop()
	if got, err := get(t.Context(), c); err != nil || got != "address" {
		t.Errorf("%q answers, %v", got, err)
	}
}

// Within a name, priority decides, then weight.
func TestSRVOrder(t *testing.T) {
	dns := newNames(t)
	var addrs []string
	for _, name := range []string{"heavy", "light", "backup"} {
		addr, _ := (&users{name: name}).start(t, "127.0.0.1:0")
		addrs = append(addrs, addr)
	}
	dns.set("users.internal", record(t, addrs[2], 20, 100), record(t, addrs[1], 10, 30), record(t, addrs[0], 10, 70))
	seen := make(map[string]int)
	const connections = 100
	for range connections {
		name, err := get(t.Context(), client(t, "srv:users.internal", dns.resolver()))
		if err != nil {
			t.Fatal(err)
		}
		seen[name]++
	}
	// 70 and 30 are meant; chance alone leaves these bounds less than once in 10^9.
	if seen["backup"] != 0 || seen["heavy"] < 40 || seen["heavy"] > 97 || seen["heavy"]+seen["light"] != connections {
		t.Errorf("of %d connections, they got %v", connections, seen)
	}
	dns.set("users.internal", record(t, addrs[2], 20, 100), record(t, unused(t), 10, 90))
	if name, err := get(t.Context(), client(t, "srv:users.internal", dns.resolver())); err != nil || name != "backup" {
		t.Errorf("without the preferred ones %q answers, %v", name, err)
	}
}

// Who is not there is said by name, and soon.
func TestSRVWithoutService(t *testing.T) {
	for what, c := range map[string]struct {
		set  func(*names)
		want string
	}{
		"an unknown name": {func(*names) {}, "no such host"},
		"no records":      {func(n *names) { n.set("users.internal") }, "no such host"},
		"the root as target": {func(n *names) {
			n.set("users.internal", dnsmessage.SRVResource{Target: dnsmessage.MustNewName(".")})
		}, "no SRV record that names a host"},
		"nobody listens": {func(n *names) {
			n.set("users.internal", record(t, unused(t), 1, 1), record(t, unused(t), 1, 1))
		}, "users.internal has 2 SRV records, and none leads anywhere"},
		"a DNS server that is silent": {func(n *names) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.mute = true
		}, "timeout"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			dns := newNames(t)
			c.set(dns)
			start := time.Now()
			_, err := (&dialer{resolver: dns.resolver()}).dial(t.Context(), "srv:users.internal")
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "users.internal") || time.Since(start) > 2*connectTimeout {
				t.Errorf("%v after %v, want %q", err, time.Since(start), c.want)
			}
			// A call says why it failed, and one with a second choice does not fail.
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			defer cancel()
			_, err = get(ctx, client(t, "srv:users.internal", dns.resolver()))
			if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("a call: %v, want Unavailable and %q", err, c.want)
			}
			addr, _ := (&users{name: "second"}).start(t, "127.0.0.1:0")
			if got, err := get(ctx, client(t, "srv:users.internal,"+addr, dns.resolver())); err != nil || got != "second" {
				t.Errorf("with a second choice: %q, %v", got, err)
			}
		})
	}
}
