package balancer

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// minCheckTimeout is the least that a scaled health check waits for its answer: below
// it, a check would measure how busy this machine is.
const minCheckTimeout = 500 * time.Millisecond

// scaled divides the times of a health check.
func (h HealthCheck) scaled(by float64) HealthCheck {
	if by == 0 {
		return h
	}
	h.Interval = max(time.Millisecond, time.Duration(float64(h.Interval)/by))
	h.Timeout = max(minCheckTimeout, time.Duration(float64(h.Timeout)/by))
	return h
}

// An opinion is what a row of health checks says about a target.
type opinion struct {
	state State
	row   int // how many checks in a row have spoken against it
}

// after gives the opinion after one more check. As the ALB says it: one good check
// makes a new target healthy, and the thresholds count from then on.
func (o opinion) after(good bool, h HealthCheck) opinion {
	agrees := good == (o.state == Healthy)
	if o.state == Initial {
		if good {
			return opinion{state: Healthy}
		}
		agrees = false
	}
	if agrees {
		return opinion{state: o.state}
	}
	o.row++
	switch {
	case good && o.row >= h.Healthy:
		return opinion{state: Healthy}
	case !good && o.row >= h.Unhealthy:
		return opinion{state: Unhealthy}
	}
	return o
}

// check asks a target once, over a connection of its own, and says why it is not well.
func (h HealthCheck) check(ctx context.Context, target string) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", target)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	request := "GET " + h.Path + " HTTP/1.1\r\nHost: " + target +
		"\r\nConnection: close\r\nUser-Agent: ELB-HealthChecker/2.0\r\n\r\n"
	if _, err := conn.Write([]byte(request)); err != nil {
		return err
	}
	var answer head
	if err := answer.read(bufio.NewReader(conn)); err != nil {
		return err
	}
	code, err := answer.status()
	if err == nil && !h.wants(code) {
		err = fmt.Errorf("the answer is %d, not %s", code, h.Codes)
	}
	return err
}

// wants tells whether a status code is one of the good ones.
func (h HealthCheck) wants(code int) bool {
	for part := range strings.SplitSeq(h.Codes, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, err1 := strconv.Atoi(first)
		to, err2 := strconv.Atoi(last)
		if err1 == nil && err2 == nil && code >= from && code <= to {
			return true
		}
	}
	return false
}

// watch checks a target every interval, at once at first, until ctx ends, and calls
// changed with each new state.
func (h HealthCheck) watch(ctx context.Context, target string, changed func(State)) {
	tick := time.NewTicker(h.Interval)
	defer tick.Stop()
	for o := (opinion{state: Initial}); ; {
		next := o.after(h.check(ctx, target) == nil, h)
		if ctx.Err() != nil {
			return // it may be why the check failed
		}
		if next.state != o.state {
			changed(next.state)
		}
		o = next
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
