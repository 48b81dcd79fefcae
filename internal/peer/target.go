package peer

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"

	"google.golang.org/grpc/resolver"
)

const (
	// srvPrefix begins a target that is a name with SRV records.
	srvPrefix = "srv:"

	maxName  = 253 // bytes of a DNS name as it is written, without the root's dot
	maxLabel = 63
)

// Check tells whether targets is a list that Dial takes.
func Check(targets string) error {
	_, err := parse(targets)
	return err
}

// parse gives the targets as addresses that the dialer understands.
func parse(targets string) ([]resolver.Address, error) {
	var list []resolver.Address
	for target := range strings.SplitSeq(targets, ",") {
		target = strings.TrimSpace(target)
		if target == "" {
			return nil, errors.New("want host:port or srv:NAME, or several separated by commas")
		}
		check := checkHostPort
		if strings.HasPrefix(target, srvPrefix) {
			check = checkSRV
		}
		if err := check(target); err != nil {
			return nil, err
		}
		list = append(list, resolver.Address{Addr: target})
	}
	return list, nil
}

func checkHostPort(target string) error {
	host, port, err := net.SplitHostPort(target)
	if err != nil || host == "" {
		return fmt.Errorf("%q is neither host:port nor srv:NAME", target)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return fmt.Errorf("%q: the port is not a number from 1 to 65535", target)
	}
	return nil
}

func checkSRV(target string) error {
	name := strings.TrimSuffix(strings.TrimPrefix(target, srvPrefix), ".")
	switch {
	case name == "":
		return fmt.Errorf("%q: after srv: comes a DNS name", target)
	case strings.Contains(name, ":"):
		return fmt.Errorf("%q: a name after srv: has no port; its SRV records have", target)
	case len(name) > maxName:
		return fmt.Errorf("%q: a DNS name has at most %d characters", target, maxName)
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		if err := checkLabel(label); err != nil {
			return fmt.Errorf("%q is not srv: and a DNS name: %w", target, err)
		}
	}
	// That is an address, or the port of a host called srv.
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return fmt.Errorf("%q is not srv: and a DNS name: its last part is a number", target)
	}
	return nil
}

// checkLabel checks a part of a name. An underscore is common where records are.
func checkLabel(label string) error {
	other := func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}
	switch {
	case label == "":
		return errors.New("a part is empty")
	case len(label) > maxLabel:
		return fmt.Errorf("a part has at most %d characters", maxLabel)
	case strings.ContainsFunc(label, other):
		return fmt.Errorf("%q has other characters than letters, digits, - and _", label)
	case label[0] == '-' || label[len(label)-1] == '-':
		return fmt.Errorf("%q begins or ends with -", label)
	}
	return nil
}
