package balancer

import (
	"regexp"
	"strings"
	"testing"
)

func TestMatchPath(t *testing.T) {
	for _, test := range []struct {
		pattern, path string
		want          bool
	}{
		{"/api/users*", "/api/users", true},
		{"/api/users*", "/api/users/", true},
		{"/api/users*", "/api/users/1/posts", true},
		{"/api/users*", "/api/usersandmore", true}, // as the ALB does
		{"/api/users*", "/api/user", false},
		{"/api/users*", "/API/users", false},
		{"/api/users*", "/v1/api/users", false},
		{"/api*", "/api", true},
		{"/api*", "/", false},
		{"/api/?", "/api/1", true},
		{"/api/?", "/api/", false},
		{"/api/?", "/api/12", false},
		{"*", "", true},
		{"*", "/x", true},
		{"", "", true},
		{"", "/", false},
		{"/a", "/a", true},
		{"/a", "/ab", false},
		{"/*/b", "/a/b", true},
		{"/*/b", "/a/c/b", true},
		{"/*/b", "/a/b/c", false},
		{"/*/b/*/d", "/b/x/b/c/d", true},
		{"*b?d*", "abbcd", true},
		{"*aab", "aaaaab", true},
		{"**", "/", true},
		{"/a.c", "/abc", false},
	} {
		if got := matchPath(test.pattern, test.path); got != test.want {
			t.Errorf("%q matches %q: %t", test.pattern, test.path, got)
		}
		if got := regexp.MustCompile(patternRegexp(test.pattern)).MatchString(test.path); got != test.want {
			t.Errorf("as a regular expression, %q matches %q: %t", test.pattern, test.path, got)
		}
	}
}

// FuzzMatchPath compares with the regular expression that haproxy gets.
func FuzzMatchPath(f *testing.F) {
	f.Add("/api/users*", "/api/users/1")
	f.Add("*a*?b*", "xaabab")
	f.Add("/$.+*", "/$.+")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if checkPattern(pattern) != nil || strings.Trim(path, patternChars) != "" {
			t.Skip("the pattern or the path is none: only those that may be in a rule are compared")
		}
		want := regexp.MustCompile(patternRegexp(pattern)).MatchString(path)
		if got := matchPath(pattern, path); got != want {
			t.Errorf("%q matches %q: %t", pattern, path, got)
		}
	})
}

func TestCheckPattern(t *testing.T) {
	for pattern, ok := range map[string]bool{
		"/api/users*": true, "/a?": true, `/~"'@:+&$._-`: true,
		"": false, "/a b": false, "/a;b": false, "/a\\*": false, "/ä": false, "/a#b": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		if err := checkPattern(pattern); (err == nil) != ok {
			t.Errorf("%q: %v", pattern, err)
		}
	}
}
