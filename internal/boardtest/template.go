package boardtest

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// vars holds what the placeholders of one case stand for. A placeholder is {kind} or
// {kind:name}.
//
// These make what they stand for when they are first met, one object for each name:
//
//	{user} {thread} {post}   the id of an object made for the case
//	{tag:user} and so on     the opaque part of its etag; {tag:user:b} for {user:b}
//	{username}               the username of {user}
//	{uniq}                   a word that no other case has
//
// These stand in expected answers for what the board chose. One with a name must
// be the same wherever it is met, and can be used in the case's later requests:
//
//	{time} {tag} {id} {token} {any}
type vars struct {
	t     *testing.T
	board *clients
	known map[string]string
}

func newVars(t *testing.T, b *clients) *vars {
	return &vars{t: t, board: b, known: map[string]string{}}
}

var (
	placeholder = regexp.MustCompile(`\{[a-z]+(?::[a-z0-9]+){0,2}\}`)

	//nolint:gosec // tokens here are page tokens
	kinds = map[string]string{
		"time":  `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?Z`,
		"tag":   `[0-9a-z]+`,
		"id":    `[1-9][0-9]*`,
		"token": `[A-Za-z0-9_.~%-]+`,
		"any":   `(?s:.*)`,
	}
)

// expand puts values in place of all placeholders.
func (v *vars) expand(template string) string {
	return placeholder.ReplaceAllStringFunc(template, func(p string) string {
		key := p[1 : len(p)-1]
		value, ok := v.lookup(key)
		if !ok {
			v.t.Fatalf("nothing is known of %s in %.200q", p, template)
		}
		return value
	})
}

// lookup gives what is known of a placeholder, making an object if it stands for one.
func (v *vars) lookup(key string) (string, bool) {
	if value, ok := v.known[key]; ok {
		return value, true
	}
	kind, name, _ := strings.Cut(key, ":")
	switch kind {
	case "uniq":
		v.known[key] = unique()
	case "user", "username":
		v.makeUser(name)
	case "thread", "post":
		v.make(kind, name)
	case "tag":
		of, name, _ := strings.Cut(name, ":")
		switch of {
		case "user":
			v.makeUser(name)
		case "thread", "post":
			v.make(of, name)
		}
	}
	value, ok := v.known[key]
	return value, ok
}

func (v *vars) makeUser(name string) {
	u := v.board.someUser(v.t)
	v.known[named("username", name)] = u.GetUsername()
	v.keep("user", name, u.GetId(), u.GetEtag())
}

func (v *vars) make(kind, name string) {
	if kind == "thread" {
		th := v.board.someThread(v.t)
		v.keep(kind, name, th.GetId(), th.GetEtag())
		return
	}
	p := v.board.somePost(v.t)
	v.keep(kind, name, p.GetId(), p.GetEtag())
}

func (v *vars) keep(kind, name string, id int64, etag string) {
	v.known[named(kind, name)] = strconv.FormatInt(id, 10)
	v.known[named("tag:"+kind, name)] = strings.Trim(etag, `"`)
}

func named(kind, name string) string {
	if name == "" {
		return kind
	}
	return kind + ":" + name
}

// match compares got with a template and remembers what its named placeholders met.
func (v *vars) match(got, template string) error {
	var pattern strings.Builder
	var captured []string // the keys of the pattern's groups
	last := 0
	for _, at := range placeholder.FindAllStringIndex(template, -1) {
		pattern.WriteString(regexp.QuoteMeta(template[last:at[0]]))
		last = at[1]
		key := template[at[0]+1 : at[1]-1]
		if value, ok := v.lookup(key); ok {
			pattern.WriteString(regexp.QuoteMeta(value))
			continue
		}
		kind, _, _ := strings.Cut(key, ":")
		pattern.WriteString("(" + kinds[kind] + ")")
		captured = append(captured, key)
	}
	pattern.WriteString(regexp.QuoteMeta(template[last:]))
	groups := regexp.MustCompile(`^` + pattern.String() + `$`).FindStringSubmatch(got)
	if groups == nil {
		return fmt.Errorf("got  %s\nwant %s", clip(got), clip(template))
	}
	for i, key := range captured {
		if _, isNamed := strings.CutPrefix(key, strings.SplitN(key, ":", 2)[0]+":"); !isNamed {
			continue
		}
		if value, ok := v.known[key]; ok && value != groups[i+1] {
			return fmt.Errorf("{%s} is %q and %q in %s", key, value, groups[i+1], clip(got))
		}
		v.known[key] = groups[i+1]
	}
	return nil
}

// clip shortens what is printed of a long text.
func clip(s string) string {
	const most = 2000
	if len(s) <= most {
		return s
	}
	return s[:most] + fmt.Sprintf("… (%d bytes)", len(s))
}
