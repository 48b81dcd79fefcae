package balancer

import (
	"fmt"
	"strings"
)

// What the ALB allows in a path pattern.
const (
	maxPattern   = 128
	maxWildcards = 5 // of all of a rule's conditions together
	patternChars = `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.$/~"'@:+&*?`
)

// matchPath tells whether a path, without the query and as the client wrote it, matches
// a pattern: * stands for any characters, slashes too, and ? for exactly one.
func matchPath(pattern, path string) bool {
	// When something does not match after a *, that * takes one character more. Only the
	// last * needs to be remembered.
	p, star, from := 0, -1, 0
	for i := 0; i < len(path); {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == path[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func checkPattern(pattern string) error {
	if pattern == "" || len(pattern) > maxPattern {
		return fmt.Errorf("path pattern %q must have 1 to %d characters", pattern, maxPattern)
	}
	if i := strings.IndexFunc(pattern, func(r rune) bool { return !strings.ContainsRune(patternChars, r) }); i >= 0 {
		return fmt.Errorf("path pattern %q must not have %q", pattern, pattern[i:i+1])
	}
	return nil
}
