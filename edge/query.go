package edge

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/splitboard/splitboard/internal/apierr"
	"github.com/splitboard/splitboard/internal/page"
)

// The query parameters that listings read. All others have no effect.
const (
	paramPageSize  = "pageSize"
	paramPageToken = "pageToken"
	paramOrderBy   = "orderBy"
	paramUsername  = "username"
	paramCreatedBy = "createdBy"
)

// listQuery is what a listing's query asks for.
type listQuery struct {
	pageSize  int32
	pageToken string
	orderBy   string
	username  string
	createdBy int64

	given []parameter // as they were sent, for the link to the next page
}

type parameter struct {
	name, value string
	again       bool // it came more than once
}

// parseListQuery reads the parameters that every listing has and the filter, if that is
// not empty. Its error names everything that is wrong with them.
func parseListQuery(raw, filter string) (listQuery, error) {
	var q listQuery
	if raw == "" {
		return q, nil
	}
	var invalid *apierr.Error
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !isListParameter(name, filter) {
			continue
		}
		problem := q.add(name, value)
		if problem == "" {
			continue
		}
		if invalid == nil {
			invalid = apierr.ErrInvalidField
		}
		invalid = invalid.WithField(name, problem)
	}
	if invalid != nil {
		return listQuery{}, invalid
	}
	return q, nil
}

func isListParameter(name, filter string) bool {
	switch name {
	case paramPageSize, paramPageToken, paramOrderBy:
		return true
	case "":
		return false
	}
	return name == filter
}

// add takes a parameter with its escaped value. It returns what is wrong, or "". A
// parameter that comes again is told once, however often it comes.
func (q *listQuery) add(name, escaped string) (problem string) {
	if i := slices.IndexFunc(q.given, func(p parameter) bool { return p.name == name }); i >= 0 {
		if q.given[i].again {
			return ""
		}
		q.given[i].again = true
		return "must be given once"
	}
	value, err := url.QueryUnescape(escaped)
	q.given = append(q.given, parameter{name: name, value: value})
	switch {
	case err != nil:
		return "has a `%` that two hexadecimal digits do not follow"
	case !utf8.ValidString(value):
		// Over a network gRPC would refuse to send it.
		return "is not valid UTF-8"
	}
	return q.set(name, value)
}

// set reads one parameter. It returns what is wrong with the value, or "".
func (q *listQuery) set(name, value string) (problem string) {
	switch name {
	case paramPageSize:
		size, ok := parsePageSize(value)
		if !ok {
			return "must be a number of decimal digits, from 0"
		}
		q.pageSize = size
	case paramPageToken:
		q.pageToken = value
	case paramOrderBy:
		q.orderBy = value
	case paramUsername:
		q.username = value
	case paramCreatedBy:
		id, ok := parseID(value)
		if !ok {
			return "must be a user's id, from 1 to 9223372036854775807"
		}
		q.createdBy = id
	}
	return ""
}

// parsePageSize reads decimal digits, however many: whatever is above the limit is the
// limit.
func parsePageSize(s string) (int32, bool) {
	if s == "" {
		return 0, false
	}
	size := int32(0)
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		size = min(size*10+int32(c-'0'), page.MaxSize)
	}
	return size, true
}

// parseID reads an id as paths have it: `[1-9][0-9]*` of at most 63 bits.
func parseID(s string) (int64, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil
}
