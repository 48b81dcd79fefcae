package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"

	"github.com/splitboard/splitboard/internal/jsontext"
)

// A Source is a store to export.
type Source struct {
	Table Table
	// View reads it, as store.Store's does. It is called once.
	View func(func(tx *bbolt.Tx) error) error
}

// Export writes the sources' records to w, indented as the tutorial's file is, and
// returns how many there are of each source, in order. It returns ctx's error, a store's
// or w's.
func Export(ctx context.Context, w io.Writer, sources []Source) (counts []int64, err error) {
	counts = make([]int64, len(sources))
	buffered := bufio.NewWriterSize(w, 256<<10)
	out := &writer{ctx: ctx, w: buffered}
	out.buf = append(out.buf, '{')
	first := true
	for _, section := range sections {
		i := slices.IndexFunc(sources, func(s Source) bool { return s.Table.section == section })
		if i < 0 {
			continue
		}
		if !first {
			out.buf = append(out.buf, ",\n"...)
		}
		first = false
		if counts[i], err = out.section(sources[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", section, err)
		}
	}
	out.buf = append(out.buf, "\n}\n"...)
	if err := errors.Join(out.flush(), buffered.Flush()); err != nil {
		return nil, err
	}
	return counts, nil
}

// A writer puts records into a file.
type writer struct {
	ctx context.Context
	w   io.Writer
	buf []byte
}

func (o *writer) section(s Source) (count int64, err error) {
	o.buf = append(o.buf, "\n  "...)
	o.buf = jsontext.AppendString(o.buf, s.Table.section)
	o.buf = append(o.buf, ": ["...)
	err = s.View(func(tx *bbolt.Tx) error {
		return s.Table.scan(tx, func(columns []Column) error {
			if count > 0 {
				o.buf = append(o.buf, ',')
			}
			count++
			o.record(columns, count)
			if err := o.ctx.Err(); err != nil {
				return err
			}
			return o.flush()
		})
	})
	if count > 0 {
		o.buf = append(o.buf, "\n  "...)
	}
	o.buf = append(o.buf, ']')
	return count, err
}

// record writes a record that is the place-th of its section.
func (o *writer) record(columns []Column, place int64) {
	o.buf = append(o.buf, "\n    {"...)
	first := true
	for _, c := range columns {
		if c.kind == kindPlace && *c.number == place {
			continue
		}
		if !first {
			o.buf = append(o.buf, ',')
		}
		first = false
		o.buf = append(o.buf, "\n      "...)
		o.buf = jsontext.AppendString(o.buf, c.name)
		o.buf = append(o.buf, ": "...)
		if c.kind == kindText {
			o.buf = jsontext.AppendString(o.buf, *c.text)
		} else {
			o.buf = strconv.AppendInt(o.buf, *c.number, 10)
		}
	}
	o.buf = append(o.buf, "\n    }"...)
}

func (o *writer) flush() error {
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}
