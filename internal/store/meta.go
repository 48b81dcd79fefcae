package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// The buckets that every store has, all since schema version 1.
var (
	// metaBucket holds the keys below; its rows are outside the checksum.
	metaBucket = []byte("meta")
	// keysBucket maps an idempotency key to its splitboard.store.v1.IdempotencyRecord.
	keysBucket = []byte("idempotency")
	// keysByExpiryBucket maps expiry|key to nothing; expiry is in Unix nanoseconds,
	// 8 bytes big-endian.
	keysByExpiryBucket = []byte("idempotency_by_expiry")
)

// The keys of metaBucket. Numbers are 8 bytes big-endian.
var (
	metaService      = []byte("service")       // whose store this is
	metaUUID         = []byte("uuid")          // given when the store was created
	metaCreateTime   = []byte("create_time")   // Unix nanoseconds
	metaEpoch        = []byte("epoch")         // how often it was opened to be served
	metaSchema       = []byte("schema")        // version of the rows and buckets
	metaMinReader    = []byte("min_reader")    // lowest schema version that can read them
	metaSequence     = []byte("sequence")      // number of the last change
	metaChecksum     = []byte("checksum")      // rolling checksum of all rows but these
	metaSecret       = []byte("page_secret")   // signs page tokens
	metaImportDigest = []byte("import_digest") // what the store was filled with, if it was
	metaHandoff      = []byte("handoff")       // the last one's splitboard.store.v1.Handoff, if there was one
	metaMigrating    = []byte("migrating")     // min_reader before a migration that has not ended; else missing
)

// secretSize is the length of the page-token secret: HMAC-SHA-256's own output size.
const secretSize = 32

// Info is what a store says of itself.
type Info struct {
	// Service is whose store it is.
	Service string
	// UUID was given when the store was created; backups share it.
	UUID string
	// Epoch counts how often the store was opened to be served.
	Epoch uint64
	// Sequence is the number of the last change; 0 in an empty store.
	Sequence uint64
	// Checksum is the rolling checksum of the rows.
	Checksum uint64
	// SchemaVersion and MinReader are as Schema explains.
	SchemaVersion, MinReader uint32
	// Migrating is what MinReader was before a migration that has begun and not
	// ended, or 0. The service runs, but wants Migrate again.
	Migrating uint32
	// ImportDigest names the data that the store was filled with, if it was.
	ImportDigest []byte
	// LastHandoff is the last time that one process handed the store to another; zero
	// if none has.
	LastHandoff Handoff
	// SizeBytes is how much of the file is in use: the size of a backup. The file
	// may be longer.
	SizeBytes int64
	// OpenTime is when this process opened it.
	OpenTime time.Time
}

// readInfo reads meta. It reports a file without it as ErrForeign.
func readInfo(tx *bbolt.Tx) (Info, error) {
	m := tx.Bucket(metaBucket)
	if m == nil || len(m.Get(metaUUID)) == 0 {
		return Info{}, fmt.Errorf("%w: it has no %s bucket", ErrForeign, metaBucket)
	}
	handoff, _ := readHandoff(m.Get(metaHandoff)) // a check tells about a damaged one
	return Info{
		Service:       string(m.Get(metaService)),
		UUID:          string(m.Get(metaUUID)),
		Epoch:         number(m.Get(metaEpoch)),
		Sequence:      number(m.Get(metaSequence)),
		Checksum:      number(m.Get(metaChecksum)),
		SchemaVersion: uint32(number(m.Get(metaSchema))),    //nolint:gosec // written from a uint32
		MinReader:     uint32(number(m.Get(metaMinReader))), //nolint:gosec // written from a uint32
		Migrating:     uint32(number(m.Get(metaMigrating))), //nolint:gosec // written from a uint32
		ImportDigest:  append([]byte(nil), m.Get(metaImportDigest)...),
		LastHandoff:   handoff,
		SizeBytes:     tx.Size(),
	}, nil
}

// initMeta makes an empty file a store of the schema's service.
func initMeta(tx *bbolt.Tx, schema Schema, now time.Time) error {
	m, err := tx.CreateBucket(metaBucket)
	if err != nil {
		return err
	}
	secret := make([]byte, secretSize)
	rand.Read(secret)
	for _, kv := range []struct{ key, value []byte }{
		{metaService, []byte(schema.Service)},
		{metaUUID, []byte(newUUID())},
		{metaCreateTime, be(uint64(now.UnixNano()))},
		{metaEpoch, be(0)},
		{metaSchema, be(uint64(schema.Version))},
		{metaMinReader, be(1)},
		{metaSequence, be(0)},
		{metaChecksum, be(0)},
		{metaSecret, secret},
	} {
		if err := m.Put(kv.key, kv.value); err != nil {
			return err
		}
	}
	return createBuckets(tx, schema)
}

// createBuckets adds the buckets that the file does not have yet.
func createBuckets(tx *bbolt.Tx, schema Schema) error {
	for _, name := range [][]byte{keysBucket, keysByExpiryBucket} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	for _, b := range schema.Buckets {
		if _, err := tx.CreateBucketIfNotExists(b.Name); err != nil {
			return fmt.Errorf("bucket %s: %w", b.Name, err)
		}
	}
	return nil
}

// admit says why a binary with this schema must not read the file, or nil.
func admit(info Info, schema Schema) error {
	if info.Service != schema.Service {
		return fmt.Errorf("%w: it is the store of %q, not of %q", ErrForeign, info.Service, schema.Service)
	}
	if info.MinReader > schema.Version {
		return fmt.Errorf("%w: its data needs schema version %d, this binary knows %d", ErrTooNew, info.MinReader, schema.Version)
	}
	return nil
}

// newUUID gives a random UUID, version 4 of RFC 9562.
func newUUID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// be gives a number as the store's keys and meta values have it.
func be(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number reads what be wrote; a missing value is 0.
func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}
