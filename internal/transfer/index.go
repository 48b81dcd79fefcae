package transfer

import (
	"cmp"
	"slices"

	"github.com/splitboard/splitboard/internal/store"
)

// An Index is filled after the records that it leads to, run by run, each in the order of
// its keys. Rows that come in any order make the store write a page for each of them: a
// million posts then took four times as long, and six times the memory.
type Index struct {
	// Column is the Ref that the index's keys begin with. They end with the record's id.
	Column string
	// Put adds the entry of a record that is stored. Its change is its own.
	Put func(tx *store.Tx, owner, id int64) error
}

// indexRun is how many records are stored before they are indexed: 4 MiB of entries for
// each index. Tests shorten it.
var indexRun = 1 << 18

// An indexer fills a store's indexes while the store is built.
type indexer struct {
	b    *store.Builder
	row  *row
	runs [][]entry // of each index
}

type entry struct{ owner, id int64 }

func newIndexer(b *store.Builder, w *row) *indexer {
	return &indexer{b: b, row: w, runs: make([][]entry, len(w.indexes))}
}

// add takes up the row's record, which has just been stored.
func (x *indexer) add() error {
	for i, index := range x.row.indexes {
		owner := *x.row.columns[x.row.column(index.Column)].number
		x.runs[i] = append(x.runs[i], entry{owner, x.row.id()})
	}
	if len(x.runs) > 0 && len(x.runs[0]) == indexRun {
		return x.flush()
	}
	return nil
}

// flush puts the entries of all records that were taken up.
func (x *indexer) flush() error {
	for i, run := range x.runs {
		slices.SortFunc(run, func(a, b entry) int {
			return cmp.Or(cmp.Compare(a.owner, b.owner), cmp.Compare(a.id, b.id))
		})
		for _, e := range run {
			err := x.b.Change(func(tx *store.Tx) error { return x.row.indexes[i].Put(tx, e.owner, e.id) })
			if err != nil {
				return err
			}
		}
		x.runs[i] = run[:0]
	}
	return nil
}
