package cloudmap

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicediscovery/types"
	"github.com/miekg/dns"
)

func (n *Names) ask(name string, kind uint16) *dns.Msg {
	reply := new(dns.Msg)
	n.resolve(reply, dns.Question{Name: name, Qtype: kind, Qclass: dns.ClassINET})
	return reply
}

// wantSOA wants an answer without records that holds for so many seconds.
func wantSOA(t *testing.T, reply *dns.Msg, code int, seconds uint32) {
	t.Helper()
	if reply.Rcode != code || len(reply.Answer) != 0 || len(reply.Ns) != 1 {
		t.Fatalf("not %s with a SOA alone:\n%s", dns.RcodeToString[code], reply)
	}
	if soa, ok := reply.Ns[0].(*dns.SOA); !ok || soa.Minttl != seconds || soa.Hdr.Ttl != seconds || soa.Hdr.Name != "splitboard.internal." {
		t.Fatalf("it does not hold for %d s:\n%s", seconds, reply)
	}
}

// A name that was missing is missing to whoever asks until the namespace's time for that
// is over, and an instance that is registered meanwhile is not seen.
func TestMissingNameIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(nil)
		n.zones["splitboard.internal."] = 5 * time.Second
		users := &service{name: "users.splitboard.internal.", ttl: 5, instances: map[string]*instance{}}
		n.services["arn"] = users

		wantSOA(t, n.ask("users.splitboard.internal.", dns.TypeSRV), dns.RcodeNameError, 5)
		users.instances["one"] = &instance{addr: netip.MustParseAddrPort("10.0.0.1:50051")}
		<-time.After(3 * time.Second)
		wantSOA(t, n.ask("Users.splitboard.internal.", dns.TypeSRV), dns.RcodeNameError, 2)
		wantSOA(t, n.ask("users.splitboard.internal.", dns.TypeA), dns.RcodeNameError, 2) // there was no such name at all
		<-time.After(2 * time.Second)
		if reply := n.ask("users.splitboard.internal.", dns.TypeSRV); len(reply.Answer) != 1 {
			t.Fatalf("after its time the name is still missing:\n%s", reply)
		}

		// That a name has no record of one type says nothing of the others.
		wantSOA(t, n.ask("users.splitboard.internal.", dns.TypeA), dns.RcodeSuccess, 5)
		if reply := n.ask("users.splitboard.internal.", dns.TypeSRV); len(reply.Answer) != 1 {
			t.Fatalf("it has no SRV record, as it has no A record:\n%s", reply)
		}

		// Answers are not remembered.
		delete(users.instances, "one")
		wantSOA(t, n.ask("users.splitboard.internal.", dns.TypeSRV), dns.RcodeNameError, 5)

		if reply := n.ask("users.elsewhere.internal.", dns.TypeSRV); reply.Rcode != dns.RcodeNameError || len(reply.Ns) != 0 {
			t.Errorf("a zone that nobody knows has a SOA:\n%s", reply)
		}
	})
}

func TestNegativeTTL(t *testing.T) {
	set := &types.NamespaceProperties{DnsProperties: &types.DnsProperties{SOA: &types.SOA{TTL: aws.Int64(5)}}}
	if got := negativeTTL(set); got != 5*time.Second {
		t.Errorf("5 s are taken for %s", got)
	}
	for _, unset := range []*types.NamespaceProperties{nil, {}, {DnsProperties: &types.DnsProperties{SOA: &types.SOA{}}}} {
		if got := negativeTTL(unset); got != defaultNegativeTTL {
			t.Errorf("nothing is taken for %s", got)
		}
	}
}
