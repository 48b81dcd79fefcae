package page

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"go.etcd.io/bbolt"
)

// Scan visits the rows of one page: those of bucket whose keys are prefix and an id (8
// bytes big-endian). visit returns the resource's size in bytes. It gives the next page's
// token, empty if there is none, or visit's error.
func (r Request) Scan(bucket *bbolt.Bucket, prefix []byte, visit func(id int64, value []byte) (bytes int, err error)) (next string, err error) {
	c := bucket.Cursor()
	k, v := r.seek(c, prefix)
	var last int64
	for n, size := 0, 0; k != nil && bytes.HasPrefix(k, prefix); n++ {
		if n == r.Size || size >= MaxBytes {
			return r.NextToken(last), nil
		}
		if len(k) != len(prefix)+8 {
			return "", fmt.Errorf("page: a key of %d bytes, not %d", len(k), len(prefix)+8)
		}
		last = int64(binary.BigEndian.Uint64(k[len(prefix):])) //nolint:gosec // ids are positive
		s, err := visit(last, v)
		if err != nil {
			return "", err
		}
		size += s
		if r.Desc {
			k, v = c.Prev()
		} else {
			k, v = c.Next()
		}
	}
	return "", nil
}

// seek puts the cursor on the page's first row.
func (r Request) seek(c *bbolt.Cursor, prefix []byte) (k, v []byte) {
	key := func(id uint64) []byte {
		return binary.BigEndian.AppendUint64(append(make([]byte, 0, len(prefix)+8), prefix...), id)
	}
	if !r.Desc {
		return c.Seek(key(uint64(r.After) + 1)) //nolint:gosec // ids are positive
	}
	before := uint64(math.MaxInt64) + 1
	if r.After > 0 {
		before = uint64(r.After)
	}
	// The first row at or beyond the bound is the one after the page's first; if there is
	// none, the bucket's last row is where to start.
	if k, _ := c.Seek(key(before)); k == nil {
		return c.Last()
	}
	return c.Prev()
}
