package transfer

import (
	"go.etcd.io/bbolt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/splitboard/splitboard/internal/store"
)

// sections are the keys that a file may have, in the order in which Export writes them.
var sections = []string{"users", "threads", "posts"}

// A Codec says how one service's records come from a file and go to it.
type Codec[T any] struct {
	// Section is the key of the service's records.
	Section string
	// Columns binds a record's fields, in the order in which they are written.
	Columns func(*T) []Column
	// Validate says what the service has against a record, as fields.Violations does.
	Validate func(*T) error
	// Insert stores a record under the id that it has, as created at now, but for its
	// entries in Indexes. Its change is the record's alone. An apierr.Error is about the
	// record.
	Insert func(tx *store.Tx, record *T, now *timestamppb.Timestamp) error
	// Indexes are those that Insert leaves out.
	Indexes []Index
	// Scan visits the stored records by id. It returns visit's error.
	Scan func(tx *bbolt.Tx, visit func(*T) error) error
}

// A Table is a Codec without its type. The zero value is no table.
type Table struct {
	section string
	newRow  func() *row
	scan    func(tx *bbolt.Tx, visit func([]Column) error) error
}

// NewTable returns the codec's table.
func NewTable[T any](c Codec[T]) Table {
	return Table{
		section: c.Section,
		newRow: func() *row {
			record := new(T)
			columns := c.Columns(record)
			return &row{
				columns:  columns,
				indexes:  c.Indexes,
				lines:    make([]int, len(columns)),
				validate: func() error { return c.Validate(record) },
				insert: func(tx *store.Tx, now *timestamppb.Timestamp) error {
					return c.Insert(tx, record, now)
				},
			}
		},
		scan: func(tx *bbolt.Tx, visit func([]Column) error) error {
			return c.Scan(tx, func(record *T) error { return visit(c.Columns(record)) })
		},
	}
}

// Section gives the key of the table's records in a file.
func (t Table) Section() string { return t.section }

// A Column is one field of a record, bound to a variable.
type Column struct {
	name   string
	kind   kind
	refers string // kindRef: the section whose ids the field holds
	number *int64
	text   *string // kindText
}

type kind int

const (
	kindID kind = iota
	kindPlace
	kindRef
	kindText
)

// ID is a record's id, which every record of the section carries.
func ID(to *int64) Column { return Column{name: "id", kind: kindID, number: to} }

// Place is a record's id where a record carries it only if it is not its place in the
// section, counted from 1.
func Place(to *int64) Column { return Column{name: "id", kind: kindPlace, number: to} }

// Ref is the id of a record of another section.
func Ref(name, section string, to *int64) Column {
	return Column{name: name, kind: kindRef, refers: section, number: to}
}

// Text is a string.
func Text(name string, to *string) Column { return Column{name: name, kind: kindText, text: to} }

// isID tells whether the column is the record's own id.
func (c *Column) isID() bool { return c.kind == kindID || c.kind == kindPlace }

// reset forgets the column's value.
func (c *Column) reset() {
	if c.kind == kindText {
		*c.text = ""
	} else {
		*c.number = 0
	}
}

// A row is one record on its way from a file to a store. It is used again for the next
// one.
type row struct {
	columns  []Column
	indexes  []Index
	lines    []int // of each column's value; 0: the record does not have it
	validate func() error
	insert   func(tx *store.Tx, now *timestamppb.Timestamp) error
}

func (w *row) reset() {
	for i := range w.columns {
		w.columns[i].reset()
		w.lines[i] = 0
	}
}

// column gives the index of the column with this name, or -1.
func (w *row) column(name string) int {
	for i := range w.columns {
		if w.columns[i].name == name {
			return i
		}
	}
	return -1
}

// line gives the line of the named field's value, or otherwise if the record does not
// have it.
func (w *row) line(name string, otherwise int) int {
	if i := w.column(name); i >= 0 && w.lines[i] > 0 {
		return w.lines[i]
	}
	return otherwise
}

// id gives the record's own id.
func (w *row) id() int64 {
	for i := range w.columns {
		if w.columns[i].isID() {
			return *w.columns[i].number
		}
	}
	return 0
}
