package transfer

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A digester makes the digest that names a section's records, however the file writes
// them down.
type digester struct {
	hash hash.Hash
	buf  []byte
}

func newDigester(section string) *digester {
	d := &digester{hash: sha256.New()}
	// The number is raised when columns change, so that no digest means two things.
	d.buf = append(d.buf, "splitboard import 1 "+section+"\n"...)
	d.flush()
	return d
}

func (d *digester) add(columns []Column) {
	for _, c := range columns {
		if c.kind == kindText {
			d.buf = binary.AppendUvarint(d.buf, uint64(len(*c.text)))
			d.buf = append(d.buf, *c.text...)
		} else {
			d.buf = binary.AppendVarint(d.buf, *c.number)
		}
	}
	d.flush()
}

func (d *digester) flush() {
	_, _ = d.hash.Write(d.buf) // never fails
	d.buf = d.buf[:0]
}

func (d *digester) sum() []byte { return d.hash.Sum(nil) }
