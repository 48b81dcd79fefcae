package cloudmap

import (
	"strings"
	"time"

	"github.com/miekg/dns"
)

// defaultNegativeTTL is for a namespace that does not say how long it is remembered that
// a name is missing. AWS documents no default; it is minutes.
const defaultNegativeTTL = 5 * time.Minute

// A question is what is remembered of one. No type stands for all of them.
type question struct {
	name string
	kind uint16
}

// A miss is an answer that has no records.
type miss struct {
	code  int // that there is no such name, or that it has no such record
	zone  string
	until time.Time
}

// missed gives what the resolver remembers of a name that was missing, or had no record
// of the type.
func (n *Names) missed(name string, kind uint16) (miss, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, q := range []question{{name, dns.TypeNone}, {name, kind}} {
		if m, ok := n.misses[q]; ok && time.Now().Before(m.until) {
			return m, true
		}
	}
	return miss{}, false
}

// miss has the resolver remember that there is no answer, for as long as the name's zone
// says. It remembers nothing of a zone that it does not know.
func (n *Names) miss(name string, kind uint16, code int) miss {
	n.mu.Lock()
	defer n.mu.Unlock()
	for zone, ttl := range n.zones {
		if name != zone && !strings.HasSuffix(name, "."+zone) {
			continue
		}
		if code == dns.RcodeNameError {
			kind = dns.TypeNone
		}
		m := miss{code, zone, time.Now().Add(ttl)}
		n.misses[question{name, kind}] = m
		return m
	}
	return miss{code: code}
}

// fill makes a reply of it, with the zone's SOA, which says how much longer it holds.
func (m miss) fill(reply *dns.Msg) {
	reply.Rcode = m.code
	if m.zone == "" {
		return
	}
	left := uint32(time.Until(m.until).Round(time.Second).Seconds())
	reply.Ns = append(reply.Ns, &dns.SOA{
		Hdr: header(m.zone, dns.TypeSOA, left), Ns: "ns." + m.zone, Mbox: "hostmaster." + m.zone,
		Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: left,
	})
}
