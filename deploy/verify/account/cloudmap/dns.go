package cloudmap

import (
	"context"
	"net"
	"strings"
	"syscall"

	"github.com/miekg/dns"
)

// Serve answers DNS queries over UDP at the address until ctx ends. It may be an address
// that this machine has only later, as the bridge of containers has.
func (n *Names) Serve(ctx context.Context, addr string) error {
	free := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if failed := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_FREEBIND, 1)
		}); failed != nil {
			return failed
		}
		return err
	}}
	conn, err := free.ListenPacket(ctx, "udp4", addr)
	if err != nil {
		return err
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(n.answer)}
	go func() { _ = server.ActivateAndServe() }()
	context.AfterFunc(ctx, func() { _ = server.Shutdown() })
	return nil
}

func (n *Names) answer(w dns.ResponseWriter, query *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(query)
	reply.Authoritative = true
	if len(query.Question) == 1 {
		n.resolve(reply, query.Question[0])
	}
	_ = w.WriteMsg(reply) // whoever asked asks again
}

// resolve answers one question, as the VPC's resolver does: that there is no answer, it
// remembers. (It remembers answers, too, for their few seconds, which is not played.) A
// name has SRV records, whose targets have A records: INSTANCE.SERVICE.NAMESPACE.
func (n *Names) resolve(reply *dns.Msg, q dns.Question) {
	name := strings.ToLower(q.Name)
	if m, ok := n.missed(name, q.Qtype); ok {
		m.fill(reply)
		return
	}
	known := n.find(reply, q, name)
	switch {
	case !known:
		n.miss(name, q.Qtype, dns.RcodeNameError).fill(reply)
	case len(reply.Answer) == 0:
		n.miss(name, q.Qtype, dns.RcodeSuccess).fill(reply)
	}
}

// find adds the records of a name to the reply. known tells whether there is such a name.
func (n *Names) find(reply *dns.Msg, q dns.Question, name string) (known bool) {
	id, of, _ := strings.Cut(name, ".")
	if addr, ok := n.host(id, of); ok {
		if q.Qtype == dns.TypeA {
			reply.Answer = append(reply.Answer, &dns.A{Hdr: header(q.Name, dns.TypeA, 0), A: addr.AsSlice()})
		}
		return true
	}
	instances, ttl := n.answering(name)
	if q.Qtype == dns.TypeSRV {
		for id, addr := range instances {
			host := id + "." + name
			reply.Answer = append(reply.Answer, &dns.SRV{Hdr: header(q.Name, dns.TypeSRV, ttl), Priority: 1, Weight: 1, Port: addr.Port(), Target: host})
			reply.Extra = append(reply.Extra, &dns.A{Hdr: header(host, dns.TypeA, ttl), A: addr.Addr().AsSlice()})
		}
	}
	return len(instances) > 0
}

func header(name string, kind uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: ttl}
}
