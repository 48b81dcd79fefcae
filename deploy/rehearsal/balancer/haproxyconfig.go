package balancer

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// renderConfig writes haproxy's configuration. The rules are in a file of their own, and
// the targets are added later.
func renderConfig(setup *Setup, socket, rules string, scale float64) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	idle := setup.IdleTimeout.Milliseconds()
	line("global")
	line("    maxconn 4096")
	line("    nbthread 1")
	line("    stats socket unix@%s mode 600 level admin", socket)
	line("    stats timeout 1m")
	line("")
	line("defaults")
	line("    mode http")
	line("    maxconn 2000")
	line("    timeout connect %dms", connectTimeout.Milliseconds())
	for _, timeout := range []string{"client", "server", "http-request", "http-keep-alive", "queue"} {
		line("    timeout %s %dms", timeout, idle)
	}
	// Nothing is sent twice, and nothing to another server than was chosen.
	line("    retries 0")
	line("    no option redispatch")
	line("    http-reuse safe")
	line("    option forwardfor")
	line("")
	line("frontend listener")
	line("    bind fd@3") // the first file that the process inherits
	line("    http-request set-header X-Forwarded-Proto http")
	line("    http-request set-var(txn.backend) path,map_reg(%s)", rules)
	line("    use_backend %%[var(txn.backend)]")
	for _, name := range slices.Sorted(maps.Keys(setup.Groups)) {
		check := setup.Groups[name].Health.scaled(scale)
		line("")
		line("backend %s", backendOf(name))
		line("    balance roundrobin")
		line("    timeout check %dms", check.Timeout.Milliseconds())
		line("    option httpchk GET %s", check.Path)
		line("    http-check send meth GET uri %s ver HTTP/1.1 hdr Host splitboard hdr Connection close", check.Path)
		line("    http-check expect status %s", check.Codes)
		line("    http-request return status 503 content-type text/plain string %s hdr %s %s unless { nbsrv gt 0 }",
			quote("target group "+name+" has no target"), HeaderNoTarget, name)
	}
	for i, fixed := range fixedResponses(setup) {
		line("")
		line("backend fixed-%d", i)
		line("    http-request return status %d content-type %s string %s hdr %s %s",
			fixed.StatusCode, fixed.ContentType, quote(fixed.Body), HeaderNoTarget, NoTargetDefault)
	}
	return b.String()
}

// quote writes a text of one line so that haproxy takes it as it is.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

func backendOf(group string) string { return "group-" + group }

// fixedResponses lists those that the setup has.
func fixedResponses(setup *Setup) []FixedResponse {
	var all []FixedResponse
	add := func(action Action) {
		if action.Fixed != nil && !slices.Contains(all, *action.Fixed) {
			all = append(all, *action.Fixed)
		}
	}
	add(setup.Forward)
	add(setup.Drop)
	for _, name := range slices.Sorted(maps.Keys(setup.Rules)) {
		add(setup.Rules[name].Action)
	}
	return all
}

// renderRules writes a table as a map from regular expressions to backends, of which the
// first that matches counts.
func renderRules(setup *Setup, t *table) (string, error) {
	var b strings.Builder
	add := func(pattern string, action Action) error {
		backend := backendOf(action.Group)
		if action.Fixed != nil {
			i := slices.Index(fixedResponses(setup), *action.Fixed)
			if i < 0 {
				return fmt.Errorf("haproxy knows only the fixed responses of its setup, not %d %q", action.Fixed.StatusCode, action.Fixed.Body)
			}
			backend = "fixed-" + strconv.Itoa(i)
		}
		fmt.Fprintln(&b, pattern, backend)
		return action.check(setup.Groups)
	}
	for _, rule := range t.rules {
		for _, pattern := range rule.Patterns {
			if err := add(patternRegexp(pattern), rule.Action); err != nil {
				return "", err
			}
		}
	}
	err := add("^", t.rest)
	return b.String(), err
}

// patternRegexp writes a path pattern as a regular expression without backslashes, which
// mean something else to haproxy's command line.
func patternRegexp(pattern string) string {
	var b strings.Builder
	b.WriteByte('^')
	for _, c := range pattern {
		switch c {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteByte('.')
		case '.', '$', '+':
			b.WriteString("[" + string(c) + "]")
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('$')
	return b.String()
}
