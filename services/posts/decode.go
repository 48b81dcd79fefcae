package posts

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	postsv1 "github.com/splitboard/splitboard/gen/splitboard/posts/v1"
)

// decode reads a stored post. It returns ErrNotFound for nil.
func decode(value []byte) (*postsv1.Post, error) {
	if value == nil {
		return nil, ErrNotFound
	}
	p := new(postsv1.Post)
	if err := proto.Unmarshal(value, p); err != nil {
		return nil, fmt.Errorf("reading a post: %w", err)
	}
	return p, nil
}

// A pageDecoder reads the posts of one page. It does what proto.Unmarshal does, several
// times as fast for many posts, by allocating posts, timestamps and strings many at a
// time; what it does not know, a field of a newer binary say, it leaves to
// proto.Unmarshal.
type pageDecoder struct {
	posts  []postsv1.Post
	stamps []timestamppb.Timestamp
	slab   int // how many posts were allocated last

	// text holds the bytes that the posts' strings are parts of.
	text strings.Builder

	// The last timestamp read, and its wire bytes: a post that was never changed has the
	// same twice, and posts that came together share one.
	last     *timestamppb.Timestamp
	lastWire string
}

// How much is allocated at once: few posts first, since many pages have few.
const (
	firstSlab = 8
	lastSlab  = 128
	textChunk = 16 << 10
)

// decode reads a stored post.
func (d *pageDecoder) decode(value []byte) (*postsv1.Post, error) {
	if len(d.posts) == 0 {
		d.slab = min(max(2*d.slab, firstSlab), lastSlab)
		d.posts = make([]postsv1.Post, d.slab)
	}
	p := &d.posts[0]
	d.posts = d.posts[1:]
	if d.fill(p, d.keep(value)) {
		return p, nil
	}
	return decode(value)
}

// keep copies bytes out of the transaction.
func (d *pageDecoder) keep(value []byte) string {
	if d.text.Cap()-d.text.Len() < len(value) {
		// What was kept before stays where it is, held by the strings made of it.
		d.text = strings.Builder{}
		d.text.Grow(max(len(value), min(d.slab*len(value), textChunk)))
	}
	start := d.text.Len()
	_, _ = d.text.Write(value) // a Builder's Write never fails
	return d.text.String()[start:]
}

// fill sets the fields of an empty post from its wire bytes. It returns false, leaving
// the post half set, if they are not of the form that put writes.
func (d *pageDecoder) fill(p *postsv1.Post, wire string) bool {
	for wire != "" {
		tag, n := consumeVarint(wire)
		if n == 0 {
			return false
		}
		wire = wire[n:]
		value, n := consumeVarint(wire)
		if n == 0 {
			return false
		}
		wire = wire[n:]
		number, kind := protowire.DecodeTag(tag)
		if kind == protowire.VarintType {
			if !setNumber(p, number, int64(value)) { //nolint:gosec // as protobuf encodes an int64
				return false
			}
			continue
		}
		if kind != protowire.BytesType || value > uint64(len(wire)) {
			return false
		}
		if !d.setBytes(p, number, wire[:value]) {
			return false
		}
		wire = wire[value:]
	}
	return true
}

func setNumber(p *postsv1.Post, number protowire.Number, value int64) bool {
	switch number {
	case 1:
		p.Thread = value
	case 3:
		p.User = value
	case 4:
		p.Id = value
	default:
		return false
	}
	return true
}

func (d *pageDecoder) setBytes(p *postsv1.Post, number protowire.Number, value string) (ok bool) {
	switch {
	case number == 2 && utf8.ValidString(value):
		p.Text = value
		return true
	case number == 7 && utf8.ValidString(value):
		p.Etag = value
		return true
	case number == 5 && p.GetCreateTime() == nil:
		p.CreateTime, ok = d.stamp(value)
	case number == 6 && p.GetUpdateTime() == nil:
		p.UpdateTime, ok = d.stamp(value)
	}
	return ok
}

// stamp reads a Timestamp, which may be shared with another field or post.
func (d *pageDecoder) stamp(wire string) (*timestamppb.Timestamp, bool) {
	if d.last != nil && wire == d.lastWire {
		return d.last, true
	}
	if len(d.stamps) == 0 {
		d.stamps = make([]timestamppb.Timestamp, d.slab)
	}
	t := &d.stamps[0]
	d.stamps = d.stamps[1:]
	whole := wire
	for wire != "" {
		tag, n := consumeVarint(wire)
		if n == 0 {
			return nil, false
		}
		wire = wire[n:]
		value, n := consumeVarint(wire)
		if n == 0 {
			return nil, false
		}
		wire = wire[n:]
		switch tag {
		case 1 << 3:
			t.Seconds = int64(value) //nolint:gosec // as protobuf encodes an int64
		case 2 << 3:
			t.Nanos = int32(value) //nolint:gosec // as protobuf encodes an int32
		default:
			return nil, false
		}
	}
	d.last, d.lastWire = t, whole
	return t, true
}

// consumeVarint reads a base-128 varint and its length, 0 if there is none.
func consumeVarint(s string) (v uint64, n int) {
	for shift := uint(0); n < len(s) && shift < 64; shift += 7 {
		b := s[n]
		n++
		if shift == 63 && b > 1 {
			return 0, 0
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, n
		}
	}
	return 0, 0
}
