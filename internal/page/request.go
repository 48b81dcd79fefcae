package page

import (
	"strings"

	"github.com/splitboard/splitboard/internal/fields"
)

// How many resources a page has.
const (
	DefaultSize = 100
	MaxSize     = 1000
	// MaxBytes ends a page early, so that no answer outgrows what gRPC clients take
	// by default (4 MiB). A page always has at least one resource.
	MaxBytes = 2 << 20
)

// A Request is a list request, checked.
type Request struct {
	// Size is the most resources to return, 1 to MaxSize.
	Size int
	// Desc asks for the highest id first.
	Desc bool
	// After is the id that the page before ended with; 0 for the first page.
	After int64

	listing string
	secret  []byte
}

// NewRequest checks the fields that every list request has, recording violations of
// pageSize and orderBy. listing names what is listed, filters included, without the
// order: a token is good for that listing only. It returns ErrInvalidToken, or the
// violations so far.
func NewRequest(v *fields.Violations, secret []byte, listing string, size int32, token, orderBy string) (Request, error) {
	r := Request{Size: int(size), secret: secret, listing: "+" + listing}
	switch {
	case size < 0:
		v.Add("pageSize", "must not be negative")
	case size == 0:
		r.Size = DefaultSize
	case size > MaxSize:
		r.Size = MaxSize
	}
	switch strings.Join(strings.Fields(orderBy), " ") {
	case "", "id", "id asc":
	case "id desc":
		r.Desc = true
		r.listing = "-" + listing
	default:
		v.Add("orderBy", "must be `id` or `id desc`")
	}
	if err := v.Err(); err != nil {
		return Request{}, err
	}
	if token == "" {
		return r, nil
	}
	var err error
	r.After, err = decodeToken(secret, r.listing, token)
	return r, err
}

// NextToken gives the token of the page after one that ended with last.
func (r Request) NextToken(last int64) string { return encodeToken(r.secret, r.listing, last) }
