package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/cespare/xxhash/v2"
	"go.etcd.io/bbolt"
)

// A Tx is what a change writes through. It keeps the checksum and, so that one
// change can fail among others in a transaction, what it overwrote. It is valid only
// inside the change. Keys and values that it is given must not be modified afterwards;
// bytes that are read are valid until the change ends, whatever it writes.
type Tx struct {
	bolt     *bbolt.Tx
	schema   Schema
	buckets  map[string]*txBucket
	digest   *xxhash.Digest
	checksum uint64
	sequence uint64 // of the last change that wrote
	bytes    int    // of the values that were put
	wrote    bool   // this change has written
	undo     []undone
	keepUndo bool
}

// A txBucket is a bucket that a transaction has used.
type txBucket struct {
	*bbolt.Bucket
	appended bool
	last     []byte // of an appended bucket: no key is greater; nil: not known
}

// undone is how to take one step back.
type undone struct {
	bucket   []byte
	key      []byte
	old      []byte // nil: there was no row
	isNext   bool   // the step took an id; old does not matter
	sequence uint64 // the bucket's sequence before that
}

func newTx(bolt *bbolt.Tx, schema Schema, checksum, sequence uint64, keepUndo bool) *Tx {
	return &Tx{
		bolt: bolt, schema: schema, checksum: checksum, sequence: sequence, keepUndo: keepUndo,
		buckets: make(map[string]*txBucket, 8), digest: xxhash.New(),
	}
}

// bucket opens a bucket once a transaction.
func (t *Tx) bucket(name []byte) *txBucket {
	if b, ok := t.buckets[string(name)]; ok {
		return b
	}
	b := &txBucket{Bucket: t.bolt.Bucket(name), appended: t.schema.appended(name)}
	if b.Bucket == nil {
		// Open has created every bucket of the schema.
		panic(fmt.Sprintf("store: bucket %q is not in the schema", name))
	}
	if b.appended {
		b.FillPercent = 0.95
	}
	t.buckets[string(name)] = b
	return b
}

// Sequence gives the number of this change. No two changes of a store that wrote
// anything have the same.
func (t *Tx) Sequence() uint64 { return t.sequence + 1 }

// Get gives the value of a key, or nil.
func (t *Tx) Get(bucket, key []byte) []byte { return t.bucket(bucket).Get(key) }

// Bucket gives a bucket to read through, as a View has it.
func (t *Tx) Bucket(name []byte) *bbolt.Bucket { return t.bucket(name).Bucket }

// NextID takes the bucket's next number: at least 1, never given twice unless the
// change is undone. To take one is to write, even if no row comes of it.
func (t *Tx) NextID(bucket []byte) (int64, error) {
	b := t.bucket(bucket)
	before := b.Sequence()
	id, err := b.NextSequence()
	if err != nil {
		return 0, err
	}
	t.rememberNext(bucket, before)
	return int64(id), nil //nolint:gosec // 2^63 ids would take longer than the disk lives
}

// SetNextID makes id the highest number taken, if it is not lower than that already.
func (t *Tx) SetNextID(bucket []byte, id int64) error {
	b := t.bucket(bucket)
	before := b.Sequence()
	if uint64(id) <= before { //nolint:gosec // ids are positive
		return nil
	}
	if err := b.SetSequence(uint64(id)); err != nil { //nolint:gosec // ids are positive
		return err
	}
	t.rememberNext(bucket, before)
	return nil
}

// Put sets the value of a key. A nil value is an empty one.
func (t *Tx) Put(bucket, key, value []byte) error {
	if value == nil {
		// bbolt would give nil back until the commit, as if there were no such key.
		value = []byte{}
	}
	b := t.bucket(bucket)
	old := b.before(key)
	if err := b.Put(key, value); err != nil {
		return err
	}
	t.remember(bucket, key, old)
	if old != nil {
		t.checksum -= t.hash(bucket, key, old)
	}
	t.checksum += t.hash(bucket, key, value)
	t.bytes += len(value)
	return nil
}

// before gives the value that a key has before it is put. That the key is new is mostly
// plain where keys only grow, and then nothing is searched.
func (b *txBucket) before(key []byte) []byte {
	if !b.appended {
		return b.Get(key)
	}
	if b.last == nil {
		b.last, _ = b.Cursor().Last()
	}
	if bytes.Compare(key, b.last) > 0 {
		b.last = key
		return nil
	}
	return b.Get(key)
}

// Delete removes a key. It is no error if there is none.
func (t *Tx) Delete(bucket, key []byte) error {
	b := t.bucket(bucket)
	old := b.Get(key)
	if old == nil {
		return nil
	}
	if err := b.Delete(key); err != nil {
		return err
	}
	t.remember(bucket, key, old)
	t.checksum -= t.hash(bucket, key, old)
	return nil
}

// remember notes that a row was put or deleted. old needs no copy: what a transaction
// has read stays where it is until its commit moves pages.
func (t *Tx) remember(bucket, key, old []byte) {
	t.wrote = true
	if t.keepUndo {
		t.undo = append(t.undo, undone{bucket: bucket, key: key, old: old})
	}
}

// rememberNext notes that an id was taken.
func (t *Tx) rememberNext(bucket []byte, before uint64) {
	t.wrote = true
	if t.keepUndo {
		t.undo = append(t.undo, undone{bucket: bucket, isNext: true, sequence: before})
	}
}

// hash is a row's share of the checksum. The checksum is the sum of the shares
// modulo 2^64, so rows can come and go in any order.
func (t *Tx) hash(bucket, key, value []byte) uint64 {
	return rowHash(t.digest, bucket, key, value)
}

func rowHash(d *xxhash.Digest, bucket, key, value []byte) uint64 {
	var lengths [16]byte
	binary.BigEndian.PutUint64(lengths[:8], uint64(len(bucket)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(len(key)))
	d.Reset()
	// A Digest's Write never fails.
	_, _ = d.Write(lengths[:])
	_, _ = d.Write(bucket)
	_, _ = d.Write(key)
	_, _ = d.Write(value)
	return d.Sum64()
}

// begin opens the room for one change.
func (t *Tx) begin() (checksum uint64) {
	t.undo = t.undo[:0]
	t.wrote = false
	return t.checksum
}

// keep ends a change that succeeded.
func (t *Tx) keep() {
	if t.wrote {
		t.sequence++
	}
}

// rollback puts back what the change overwrote, last step first.
func (t *Tx) rollback(checksum uint64) error {
	for _, u := range slices.Backward(t.undo) {
		b := t.bucket(u.bucket)
		var err error
		switch {
		case u.isNext:
			err = b.SetSequence(u.sequence)
		case u.old == nil:
			err = b.Delete(u.key)
		default:
			b.last = nil // found after this row was deleted, it may be lower
			err = b.Put(u.key, u.old)
		}
		if err != nil {
			return fmt.Errorf("undoing a change in %s: %w", u.bucket, err)
		}
	}
	t.checksum = checksum
	t.wrote = false
	return nil
}

// writeState records where the store stands.
func (t *Tx) writeState() error {
	m := t.bolt.Bucket(metaBucket)
	if err := m.Put(metaSequence, be(t.sequence)); err != nil {
		return err
	}
	return m.Put(metaChecksum, be(t.checksum))
}
