package edge

import (
	"net/http"
	"net/url"
	"strings"
)

// linkNext sets the Link header (RFC 8288) that names the next page: the same listing
// with the same parameters, and the next page's token.
func linkNext(w http.ResponseWriter, r *http.Request, q listQuery, token string) {
	b := make([]byte, 0, 128)
	b = append(b, '<')
	b = append(b, strings.TrimSuffix(r.URL.Path, "/")...)
	sep := byte('?')
	add := func(name, value string) {
		b = append(b, sep)
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, url.QueryEscape(value)...)
		sep = '&'
	}
	for _, p := range q.given {
		if p.name != paramPageToken {
			add(p.name, p.value)
		}
	}
	add(paramPageToken, token)
	b = append(b, `>; rel="next"`...)
	w.Header()["Link"] = []string{string(b)}
}
